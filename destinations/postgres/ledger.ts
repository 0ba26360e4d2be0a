import { quotePath } from '../../lib/core/sql.ts'
import { alreadyLoaded, nextLoadedAt } from '../../lib/destination/commit-rules.ts'
import type { LoadRecord, NewLoad, WriteMode } from '../../lib/destination/contract.ts'
import { ledgerRow } from '../../lib/destination/ledger-row.ts'
import { dayRowsOf } from '../../lib/time/day-tally.ts'
import type { Session } from './session.ts'

/** The loads of a stream in the order of their commits. */
export async function readLoads(session: Session, schema: string, stream: string): Promise<readonly LoadRecord[]> {
  const rows = await session.rows(
    `SELECT * FROM ${quotePath(schema, '_mixload_loads')} WHERE stream = $1 ORDER BY loaded_at`,
    [stream],
  )
  return rows.map((row) => ({
    loadId: String(row.load_id),
    stream: String(row.stream),
    firstDay: row.first_day ?? null,
    lastDay: row.last_day ?? null,
    selection: String(row.selection),
    rowCount: Number(row.row_count),
    rejectCount: Number(row.reject_count),
    byteCount: Number(row.byte_count),
    requestCount: Number(row.request_count),
    startedAt: momentOf(row.started_at),
    loadedAt: momentOf(row.loaded_at),
    writeMode: row.write_mode as WriteMode['kind'],
    mixloadVersion: String(row.mixload_version),
    dayRows: dayRowsOf(row.day_rows),
  }))
}

/**
 * The moment for a load that is about to be committed: later than that of every load before it, also where the
 * machine's clock went back.
 * @throws MixloadError ALREADY_LOADED
 */
export async function nextMoment(session: Session, schema: string, { loadId }: NewLoad): Promise<Date> {
  const loads = quotePath(schema, '_mixload_loads')
  const [before] = await session.rows(
    `SELECT (SELECT max(loaded_at) FROM ${loads}) AS last, EXISTS (SELECT FROM ${loads} WHERE load_id = $1) AS loaded`,
    [loadId],
  )
  if (before?.loaded === 't') throw alreadyLoaded(loadId)
  return nextLoadedAt(before?.last == null ? undefined : momentOf(before.last))
}

/** Writes the row of a load, within its transaction. */
export async function writeLoad(session: Session, schema: string, record: LoadRecord): Promise<void> {
  const values = ledgerRow(record)
  const places = Object.keys(values).map((_, at) => `$${at + 1}`)
  await session.run(
    `INSERT INTO ${quotePath(schema, '_mixload_loads')} (${Object.keys(values).join(', ')}) VALUES (${places.join(', ')})`,
    Object.values(values),
  )
}

/** A timestamptz as the server writes it to a session whose zone is UTC and whose style is ISO. */
export function momentOf(text: string | null | undefined): Date {
  return new Date(`${text}`.replace(' ', 'T').replace(/\+00$/, 'Z'))
}
