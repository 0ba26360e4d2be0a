import type { DestinationDriver, DestinationOptions } from '../../lib/destination/contract.ts'
import { BigQueryDriver } from './driver.ts'

/** The driver of a URL `bigquery://PROJECT/DATASET`. */
export function createDriver(options: DestinationOptions): DestinationDriver {
  return new BigQueryDriver(options)
}
