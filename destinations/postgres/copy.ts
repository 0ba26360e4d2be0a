import { once } from 'node:events'
import { quoteName } from '../../lib/core/sql.ts'
import { countMismatch } from '../../lib/destination/commit-rules.ts'
import type { Relation } from '../../lib/destination/contract.ts'
import { CSV_CHARACTERS, type CsvFeed, type CsvOutlet } from './csv-feed.ts'
import { fitting } from './fitting.ts'
import type { Session } from './session.ts'

/** Rows for a table. */
export interface Copy {
  readonly relation: Relation
  /** The table, quoted. */
  readonly path: string
  /** What it is called in messages. */
  readonly table: string
  /** Columns that the relation does not have, with the engine's expressions for them. */
  readonly added: Readonly<Record<string, string>>
}

/**
 * Copies the rows of a relation into a table, within the transaction of the session.
 * @throws MixloadError COUNT_MISMATCH when there are not as many as promised.
 */
export async function copyRows(
  session: Session,
  outlet: CsvOutlet,
  { relation, path, table, added }: Copy,
  signal: AbortSignal,
): Promise<void> {
  // A query that promises no rows need not have the table's columns.
  if (relation.rowCount === 0) return assertNoRows(outlet, relation, table, signal)
  // What is added comes first, so that no line ever begins with a text: one that begins with \. ends the rows for
  // servers before version 17.
  const names = [...Object.keys(added), ...relation.columns.map(({ name }) => name)].map((name) => quoteName(name))
  const expressions = Object.entries(added).map(([name, expression]) => `${expression} AS ${quoteName(name)}`)
  const query = `SELECT ${[...expressions, fitting(relation.columns)].join(', ')} FROM (${relation.query})`
  const feed = await outlet.start(query, relation.rowCount, names.length, signal)
  try {
    const sql = `COPY ${path} (${names.join(', ')}) FROM STDIN (FORMAT csv, ${CSV_CHARACTERS})`
    for (const count of await send(session, feed, sql)) {
      if (count !== relation.rowCount) throw countMismatch(relation.rowCount, count, table)
    }
  } finally {
    await feed.stop()
  }
}

/** Sends all that a feed gives. Gives how many rows the engine wrote, and how many the server took. */
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
      // Lest it writes what it still has when the connection takes it again.
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

async function assertNoRows(outlet: CsvOutlet, { query }: Relation, table: string, signal: AbortSignal): Promise<void> {
  const count = await outlet.count(query, signal)
  if (count !== 0) throw countMismatch(0, count, table)
}
