import type { DestinationCapabilities } from './contract.ts'

/** Capabilities of every destination whose tables the engine itself writes or reads. */
export const ENGINE_CAPABILITIES = {
  dialect: 'duckdb',
  nameQuote: '"',
  // There is no limit; names are kept short enough for the other destinations.
  identifierBytesMax: 63,
  columnsMax: 10_000,
  valuesPerRowMax: Number.POSITIVE_INFINITY,
  loadsPerDayMax: Number.POSITIVE_INFINITY,
  daysPerLoadMax: Number.POSITIVE_INFINITY,
} as const satisfies Partial<DestinationCapabilities>
