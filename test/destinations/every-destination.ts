import type { DestinationHarness } from '../conformance/harness.ts'
import { type BigQueryPlace, emulatedBigQuery } from './bigquery-places.ts'

/** Places that were started for these tests, to be ended after them. */
const started: BigQueryPlace[] = []

/**
 * The destinations that must agree, each imported only when it is needed. The others are compared
 * with the first one.
 */
export const HARNESSES: Readonly<Record<string, () => Promise<DestinationHarness>>> = {
  duckdb: async () => (await import('./duckdb-harness.ts')).DUCKDB,
  memory: async () => (await import('./memory-harness.ts')).MEMORY,
  parquet: async () => (await import('./parquet-harness.ts')).PARQUET,
  postgres: async () => (await import('./postgres-harness.ts')).postgresHarness(18),
  bigquery: async () => (await import('./bigquery-harness.ts')).bigqueryHarness(bigquery, 'bigquery'),
}

async function bigquery(): Promise<BigQueryPlace> {
  const [place = await emulatedBigQuery()] = started
  if (started.length === 0) started.push(place)
  return place
}

/** To be called when the tests are over. */
export async function stopPlaces(): Promise<void> {
  for (const place of started) await place.stop()
}
