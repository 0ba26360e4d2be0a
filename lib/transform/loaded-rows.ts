import { quoteName, quoteText } from '../core/sql.ts'
import type { DestinationCapabilities } from '../destination/contract.ts'
import type { Day } from '../time/days.ts'
import { type Flattened, readNdjson } from './spool-reader.ts'

const PROCESSED = 'mp_processing_time_ms'
/** The columns that identify one processing of one event. */
const IDENTITY = ['event_id', PROCESSED] as const

/** Which late arrivals are already loaded. */
export interface LoadedRows {
  /** By day: events processed up to this time, in milliseconds since 1970, are loaded. */
  readonly until: ReadonlyMap<Day, number>
  /** NDJSON files with the identities of other loaded rows. */
  readonly identities: readonly string[]
}

/** The rows of a query that are not loaded yet. Keeps rows of unknown processing time. */
export function withoutLoaded({ query, columns }: Flattened, { until, identities }: LoadedRows): string {
  if (!columns.some(({ name }) => name === PROCESSED)) return query
  const days = [...until].map(([day, end]) => `(DATE ${quoteText(day)}, ${BigInt(end)})`)
  const covered = days.length === 0 ? '(CAST(NULL AS DATE), CAST(NULL AS BIGINT))' : days.join(', ')
  const existing = readNdjson(identities, ["event_id: 'VARCHAR'", `${PROCESSED}: 'BIGINT'`], 0)
  const isNew =
    identities.length === 0
      ? ''
      : `AND NOT EXISTS (FROM ${existing} AS __existing
          WHERE ${IDENTITY.map((name) => `__existing.${name} = __arrived.${name}`).join(' AND ')})`
  return `SELECT __arrived.* FROM (${query}) AS __arrived
    LEFT JOIN (VALUES ${covered}) AS __covered (day, until) ON __arrived._day = __covered.day
    WHERE coalesce(__arrived.${PROCESSED} > __covered.until, true) ${isNew}`
}

/** A query that counts rows by `_day`, as `day` and `count`, ordered by day. */
export function countByDay(query: string): string {
  return `SELECT CAST(_day AS VARCHAR) AS day, count(*) AS count FROM (${query}) GROUP BY 1 ORDER BY 1`
}

/** As {@link countByDay}, but an event that was processed once counts once. */
export function countDistinctByDay({ query, columns }: Flattened): string {
  const identity = IDENTITY.filter((name) => columns.some((column) => column.name === name))
  return countByDay(`SELECT DISTINCT _day, ${identity.join(', ')} FROM (${query})`)
}

/** A query in the destination's SQL for the identities of rows processed after these times. */
export function identitiesAfter(
  table: string,
  after: ReadonlyMap<Day, number>,
  { nameQuote }: Pick<DestinationCapabilities, 'nameQuote'>,
): string {
  const name = (plain: string) => quoteName(plain, nameQuote)
  const moments = Map.groupBy(after, ([, ms]) => ms)
  const conditions = [...moments].map(([ms, days]) => {
    const list = days.map(([day]) => `DATE ${quoteText(day)}`).join(', ')
    return `(${name(PROCESSED)} > ${BigInt(ms)} AND ${name('_day')} IN (${list}))`
  })
  return `SELECT ${IDENTITY.map(name).join(', ')} FROM ${table} WHERE ${conditions.join(' OR ')}`
}
