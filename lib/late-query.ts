import type { Flattened } from './spool-reader.ts'
import { quoteText } from './sql.ts'
import type { Day } from './time/days.ts'

const PROCESSED = 'mp_processing_time_ms'

/**
 * The rows of a query on `export` that were processed after the coverage of their day ended, in milliseconds since 1970.
 * Rows that are of no day, or of which it is not known when they were processed, stay.
 */
export function withoutCovered({ query, columns }: Flattened, coverage: ReadonlyMap<Day, number>): string {
  if (coverage.size === 0 || !columns.some(({ name }) => name === PROCESSED)) return query
  const covered = [...coverage].map(([day, until]) => `(DATE ${quoteText(day)}, ${BigInt(until)})`)
  return `SELECT arrived.* FROM (${query}) AS arrived
    LEFT JOIN (VALUES ${covered.join(', ')}) AS covered (day, until) ON arrived._day = covered.day
    WHERE coalesce(arrived.${PROCESSED} > covered.until, true)`
}

/** How many rows a query on `export` gives for each day, as `day` and `count`. */
export function countByDay(query: string): string {
  return `SELECT CAST(_day AS VARCHAR) AS day, count(*) AS count FROM (${query}) GROUP BY 1 ORDER BY 1`
}
