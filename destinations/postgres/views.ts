import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import { quotePath } from '../../lib/core/sql.ts'
import type { View } from '../../lib/destination/contract.ts'
import { sqlStateOf } from './session/errors.ts'
import type { Session } from './session/session.ts'

/** A view is first created under this name, to see the definition that the server stores. */
const TRIAL = '_mixload_trial'

/** SQLSTATE if a replaced view would lose columns, or change their names, types or order. */
const COLUMNS_CHANGE = '42P16'

/**
 * Creates or replaces views within the transaction of the session. A view that has the wanted
 * definition already is not touched: replacing it would wait for its readers, and block others.
 */
export async function replaceViews(session: Session, schema: string, views: readonly View[]): Promise<void> {
  for (const view of views) {
    const path = quotePath(schema, view.name)
    if (await hasDefinition(session, schema, path, view)) continue
    await session.run('SAVEPOINT before_view')
    try {
      await session.run(`CREATE OR REPLACE VIEW ${path} AS ${view.query}`)
    } catch (error) {
      if (sqlStateOf(error) !== COLUMNS_CHANGE) throw error
      await session.run('ROLLBACK TO before_view')
      throw columnsChange(path, await dependentsOf(session, path), error)
    }
  }
}

async function hasDefinition(session: Session, schema: string, path: string, { query }: View): Promise<boolean> {
  const definition = async (of: string) =>
    (
      await session.rows(
        `SELECT pg_get_viewdef(oid) AS text FROM pg_class
         WHERE oid = to_regclass($1) AND relkind = 'v'`,
        [of],
      )
    )[0]?.text
  const before = await definition(path)
  if (before === undefined) return false
  const trial = quotePath(schema, TRIAL)
  await session.run(`CREATE VIEW ${trial} AS ${query}`)
  const wanted = await definition(trial)
  await session.run(`DROP VIEW ${trial}`)
  return before === wanted
}

async function dependentsOf(session: Session, path: string): Promise<readonly string[]> {
  const rows = await session.rows(
    `SELECT DISTINCT rule.ev_class::regclass::text AS name
     FROM pg_depend AS depends JOIN pg_rewrite AS rule ON rule.oid = depends.objid
     WHERE depends.classid = 'pg_rewrite'::regclass AND depends.refobjid = to_regclass($1)
       AND rule.ev_class <> depends.refobjid
     ORDER BY name`,
    [path],
  )
  return rows.map(({ name }) => String(name))
}

/** The view stays: dropping it would also drop its grants and the views that use it. */
function columnsChange(path: string, dependents: readonly string[], error: unknown): MixloadError {
  const others = dependents.length === 0 ? '' : ` and the views that use it (${dependents.join(', ')})`
  return new MixloadError(
    'DESTINATION_FAILED',
    `View ${path} has other columns, and Postgres can only add columns to a view: ${messageOf(error)}. ` +
      `The view is unchanged. Drop it${others}, and run mixload views.`,
    { cause: error },
  )
}
