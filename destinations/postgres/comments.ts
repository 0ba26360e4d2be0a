import { MixloadError } from '../../lib/core/errors.ts'
import { quoteName, quotePath } from '../../lib/core/sql.ts'
import type { Comments } from '../../lib/destination/contract.ts'
import { commentStatements } from '../../lib/destination/load-rules.ts'
import { sqlStateOf } from './session/errors.ts'
import type { Session } from './session/session.ts'

const LOCK_NOT_AVAILABLE = '55P03'

/** The comments on those of these tables and views that exist and that the role owns. */
export async function readComments(
  session: Session,
  schema: string,
  names: readonly string[],
): Promise<readonly Comments[]> {
  const rows = await session.rows(
    `SELECT relname AS name, relkind AS kind, own.description AS text, attname AS column, described.description AS comment
     FROM pg_class AS relation
     JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
     LEFT JOIN pg_description AS own
       ON own.objoid = relation.oid AND own.classoid = 'pg_class'::regclass AND own.objsubid = 0
     LEFT JOIN pg_description AS described
       ON described.objoid = relation.oid AND described.classoid = 'pg_class'::regclass AND described.objsubid = attnum
     WHERE relnamespace = to_regnamespace($1) AND relname = ANY ($2::text[])
       AND relkind IN ('r', 'p', 'v') AND pg_has_role(relowner, 'USAGE')`,
    [quoteName(schema), [...names]],
  )
  return [...Map.groupBy(rows, ({ name }) => `${name}`)].map(([name, columns]) => ({
    name,
    kind: columns[0]?.kind === 'v' ? 'view' : 'table',
    text: columns[0]?.text ?? null,
    columns: new Map(columns.map(({ column, comment }) => [`${column}`, comment ?? null])),
  }))
}

/**
 * Writes comments within the transaction of the session. That waits neither for readers nor for
 * writers of rows, but for a VACUUM, or for somebody else who changes the table.
 * @throws MixloadError DESTINATION_FAILED if somebody has locked a table.
 */
export async function writeComments(session: Session, schema: string, changes: readonly Comments[]): Promise<void> {
  for (const comments of changes) {
    const { name } = comments
    const statements = commentStatements(quotePath(schema, name), comments)
    try {
      await session.run(statements.join(';\n'))
    } catch (error) {
      if (sqlStateOf(error) !== LOCK_NOT_AVAILABLE) throw error
      const message = `${name} is locked by another session, such as a VACUUM`
      throw new MixloadError('DESTINATION_FAILED', message, { cause: error })
    }
  }
}
