import type { TakeRows } from '../../lib/destination/contract.ts'
import type { Session } from './session.ts'

/** Rows that the server hands over at once. */
const ROWS_AT_ONCE = 5000

/** Runs a query that may change nothing, and hands over its rows as they come, so that no result is held whole. */
export async function queryRows(session: Session, sql: string, take: TakeRows): Promise<number> {
  let count = 0
  await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  await session.run(`DECLARE mixload_rows NO SCROLL CURSOR FOR SELECT row_to_json(_row) AS row FROM (${sql}\n) AS _row`)
  for (;;) {
    const rows = await session.rows(`FETCH ${ROWS_AT_ONCE} FROM mixload_rows`)
    if (rows.length === 0) break
    count += rows.length
    await take(rows.map(({ row }) => row ?? 'null'))
  }
  await session.run('COMMIT')
  return count
}
