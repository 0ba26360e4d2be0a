import { once } from 'node:events'
import { quoteName, quotePath, quoteText } from '../../lib/core/sql.ts'
import type { Load, LoadRows } from '../../lib/destination/contract.ts'
import { REJECTS } from '../../lib/destination/ledger.ts'
import { rejectOwner } from '../../lib/destination/ledger-row.ts'
import { clampedColumns } from './copy/clamped-values.ts'
import { CSV_CHARACTERS, type CsvFeed, type CsvOutlet } from './copy/csv-feed.ts'
import { writeLedgerRow } from './ledger.ts'
import type { Session } from './session/session.ts'
import { deleteDays } from './tables.ts'

/** What a load is written with. */
export interface Writing {
  readonly session: Session
  readonly outlet: CsvOutlet
  readonly schema: string
  readonly signal: AbortSignal
}

/** Writes rows, rejects and ledger row within the transaction of the session. */
export async function writeLoad(writing: Writing, load: Load): Promise<void> {
  const { session, schema } = writing
  const { record, table, mode, rows, rejects } = load
  if (mode.kind === 'replace-table') await session.run(`DELETE FROM ${quotePath(schema, table)}`)
  if (mode.kind === 'replace-days') await deleteDays(session, schema, table, mode.firstDay, mode.lastDay)
  if (rows !== undefined) {
    await copyRows(writing, table, rows, {
      _loaded_at: `TIMESTAMPTZ ${quoteText(record.loadedAt.toISOString())}`,
      _load_id: quoteText(record.loadId),
    })
  }
  if (rejects !== undefined) {
    const owner = Object.entries(rejectOwner(record)).map(([name, value]) => [name, quoteText(value)])
    await copyRows(writing, REJECTS.name, rejects, Object.fromEntries(owner))
  }
  await writeLedgerRow(session, schema, record)
}

/**
 * Copies rows into a table. `added`: columns that the rows lack, with the engine's expressions for
 * them.
 */
async function copyRows(
  { session, outlet, schema, signal }: Writing,
  table: string,
  rows: LoadRows,
  added: Readonly<Record<string, string>>,
): Promise<void> {
  // What is added comes first, so that no line ever begins with a text: one that begins with \.
  // ends the rows for servers before version 17.
  const names = [...Object.keys(added), ...rows.columns.map(({ name }) => name)].map((name) => quoteName(name))
  const expressions = Object.entries(added).map(([name, expression]) => `${expression} AS ${quoteName(name)}`)
  const query = `SELECT ${[...expressions, clampedColumns(rows.columns)].join(', ')} FROM (${rows.query})`
  const feed = await outlet.start(query, rows.rowCount, names.length, signal)
  try {
    const path = quotePath(schema, table)
    const sql = `COPY ${path} (${names.join(', ')}) FROM STDIN (FORMAT csv, ${CSV_CHARACTERS})`
    for (const count of await send(session, feed, sql)) rows.verify(count)
  } finally {
    await feed.stop()
  }
}

/**
 * Sends all that a feed gives. Gives how many rows the engine wrote, and how many the server took.
 */
async function send(session: Session, feed: CsvFeed, sql: string): Promise<readonly number[]> {
  const copy = session.copyFrom(sql)
  let isOver = false
  const taken = new Promise<void>((resolve, reject) => {
    copy.on('finish', () => {
      isOver = true
      resolve()
    })
    copy.on('error', (error) => {
      isOver = true
      reject(error)
      // Otherwise it writes what it still has when the connection takes it again.
      copy.destroy()
    })
  })
  const sent = feed.rows.then((count) => {
    copy.end()
    return count
  })
  feed.stream.pipe(copy, { end: false })
  try {
    const [count] = await Promise.race([Promise.all([sent, taken]), session.lost])
    return [count, copy.rowCount]
  } catch (error) {
    feed.stream.unpipe(copy)
    // The session is of use again only when the server has heard that there is no more.
    if (!isOver && !session.isLost) {
      const closed = once(copy, 'close').catch(() => {})
      copy.destroy(new Error('stopped by mixload'))
      await Promise.race([closed, session.lost.catch(() => {})])
    }
    throw error
  }
}
