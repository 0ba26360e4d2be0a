import type { DestinationDriver, DestinationOptions } from '../../lib/destination/contract.ts'
import { PostgresDriver } from './driver.ts'

/** The driver of a URL `postgres://…`. */
export function createDriver(options: DestinationOptions): DestinationDriver {
  return new PostgresDriver(options)
}
