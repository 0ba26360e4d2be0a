import { MixloadError } from '../../lib/core/errors.ts'
import type { DestinationDriver, DestinationOptions } from '../../lib/destination/contract.ts'
import { MemoryDriver } from './driver.ts'

/** The driver of the URL `memory:`. */
export function createDriver({ url, engine }: DestinationOptions): DestinationDriver {
  if (url === 'memory:') return new MemoryDriver(engine)
  throw new MixloadError('CONFIG_INVALID', '--destination: memory: takes nothing after it, nor does duckdb::memory:.')
}
