import { once } from 'node:events'
import { quoteName, quotePath } from '../../lib/core/sql.ts'
import type { Load, LoadRows, RemovedRows, SupersededRows } from '../../lib/destination/contract.ts'
import { columnsOf, REJECTS, SUPERSEDED } from '../../lib/destination/ledger.ts'
import { removeStatement } from '../../lib/destination/load-rules.ts'
import { isNumbered } from '../../lib/destination/superseded.ts'
import { clampedColumns } from './copy/clamped-values.ts'
import { CSV_CHARACTERS, type CsvFeed, type CsvOutlet } from './copy/csv-feed.ts'
import type { Session } from './session/session.ts'
import { deleteDays, indexEvents, summarizeIndex } from './tables.ts'

/** What {@link writeLoad} works with. */
export interface Writing {
  readonly session: Session
  readonly outlet: CsvOutlet
  readonly schema: string
  readonly signal: AbortSignal
}

/** Writes rows and rejects within the transaction of the session. */
export async function writeLoad(writing: Writing, load: Load): Promise<void> {
  const { session, schema } = writing
  const { table, columns, mode, rows, rejects, superseded, removal } = load
  if (superseded !== undefined || (removal !== undefined && isNumbered(columns)))
    await indexEvents(session, schema, table)
  if (mode.kind === 'replace-table') await session.run(`DELETE FROM ${quotePath(schema, table)}`)
  if (mode.kind === 'replace-days') await deleteDays(session, schema, table, mode.firstDay, mode.lastDay)
  if (rows !== undefined) await copyRows(writing, table, rows)
  if (superseded !== undefined) {
    await summarizeIndex(session, schema, table)
    await writeSuperseded(session, schema, superseded)
  }
  if (removal !== undefined) await removeRows(session, quotePath(schema, table), removal)
  if (rejects !== undefined) await copyRows(writing, REJECTS.name, rejects)
}

async function removeRows(session: Session, path: string, removal: RemovedRows): Promise<void> {
  const [found] = await session.rows(
    `WITH removed AS (${removeStatement(path, removal)} RETURNING 1) SELECT count(*) AS count FROM removed`,
  )
  removal.verify(Number(found?.count))
}

/** Writes the numbers of superseded rows. First removes those of the days that a load replaces. */
async function writeSuperseded(session: Session, schema: string, { mode, query }: SupersededRows): Promise<void> {
  const path = quotePath(schema, SUPERSEDED.name)
  const { day } = SUPERSEDED.columns
  const names = columnsOf(SUPERSEDED).map(({ name }) => quoteName(name))
  if (mode.kind === 'replace-table') await session.run(`DELETE FROM ${path}`)
  if (mode.kind === 'replace-days')
    await session.run(`DELETE FROM ${path} WHERE ${quoteName(day.name)} BETWEEN $1 AND $2`, [
      mode.firstDay,
      mode.lastDay,
    ])
  await session.run(`INSERT INTO ${path} (${names.join(', ')}) ${query}`)
}

/**
 * Copies rows into a table. The columns of the load come first, so that no line begins with a text
 * of the data: before version 17, a line that begins with \. ends the rows.
 */
async function copyRows({ session, outlet, schema, signal }: Writing, table: string, rows: LoadRows): Promise<void> {
  const names = rows.columns.map(({ name }) => quoteName(name)).join(', ')
  const query = `SELECT ${clampedColumns(rows.columns)} FROM (${rows.query})`
  const feed = await outlet.start(query, rows.rowCount, rows.columns.length, signal)
  try {
    const sql = `COPY ${quotePath(schema, table)} (${names}) FROM STDIN (FORMAT csv, ${CSV_CHARACTERS})`
    for (const count of await send(session, feed, sql)) rows.verify(count)
  } finally {
    await feed.stop()
  }
}

/** Sends a feed. Returns how many rows the engine wrote and how many the server received. */
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
      // Otherwise it writes its buffer as soon as the connection is writable again.
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
    // The session can be used again only after the server knows that no more rows follow.
    if (!isOver && !session.isLost) {
      const closed = once(copy, 'close').catch(() => {})
      copy.destroy(new Error('stopped by mixload'))
      await Promise.race([closed, session.lost.catch(() => {})])
    }
    throw error
  }
}
