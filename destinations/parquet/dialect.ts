import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type { DestinationCapabilities } from '../../lib/destination/contract.ts'

/**
 * What a directory of Parquet files can and can't do. Its views are for DuckDB, which reads the
 * files.
 */
export const CAPABILITIES: DestinationCapabilities = {
  ...ENGINE_CAPABILITIES,
  // Files come and go one by one, and whoever reads the directory sees that.
  atomicReplace: false,
  atomicLedger: false,
  readersDuringLoad: true,
  queries: true,
}
