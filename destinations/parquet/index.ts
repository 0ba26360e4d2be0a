import { MixloadError } from '../../lib/core/errors.ts'
import type { DestinationDriver, DestinationOptions } from '../../lib/destination/contract.ts'
import { ParquetDriver } from './driver.ts'

/** The driver of a URL `parquet:DIR`. */
export function createDriver({ url, engine, warn }: DestinationOptions): DestinationDriver {
  const directory = url.slice('parquet:'.length)
  if (directory === '')
    throw new MixloadError('CONFIG_INVALID', '--destination: parquet: needs a directory: parquet:DIR.')
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(directory))
    throw new MixloadError('CONFIG_INVALID', '--destination: parquet: takes a directory of this machine, not a URL.')
  return new ParquetDriver({ directory, engine, warn })
}
