import { MixloadError } from '../../lib/core/errors.ts'
import type { DestinationDriver, DestinationOptions } from '../../lib/destination/contract.ts'
import { DuckDbDriver } from './driver.ts'

/** The driver of a URL `duckdb:PATH`. */
export function createDriver({ url, schema, engine }: DestinationOptions): DestinationDriver {
  const path = url.slice('duckdb:'.length)
  if (path === '') throw new MixloadError('CONFIG_INVALID', '--destination: duckdb: needs a file: duckdb:PATH.')
  return new DuckDbDriver({ path, schema, engine })
}
