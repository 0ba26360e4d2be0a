import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type { DestinationCapabilities } from '../../lib/destination/contract.ts'

/** What a database file of DuckDB's can and can't do. */
export const CAPABILITIES: DestinationCapabilities = {
  ...ENGINE_CAPABILITIES,
  atomicReplace: true,
  atomicLedger: true,
  // One process at a time may have the file open for writing, and then no other reads it.
  readersDuringLoad: false,
  queries: true,
}
