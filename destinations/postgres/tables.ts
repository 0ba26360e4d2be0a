import { MixloadError } from '../../lib/core/errors.ts'
import { quoteName, quotePath } from '../../lib/core/sql.ts'
import type { KnownColumn, TableStorage } from '../../lib/destination/contract.ts'
import { DAY_COLUMN } from '../../lib/destination/load-rules.ts'
import type { Day } from '../../lib/time/days.ts'
import { CAPABILITIES, TYPE_NAMES } from './dialect.ts'
import type { Session } from './session/session.ts'

/** @throws MixloadError DESTINATION_FAILED for a name that the server would cut off. */
export function assertFits(what: string, name: string): void {
  if (Buffer.byteLength(name) <= CAPABILITIES.identifierBytesMax) return
  throw new MixloadError(
    'DESTINATION_FAILED',
    `The ${what} ${JSON.stringify(name)} is longer than ${CAPABILITIES.identifierBytesMax} bytes, the limit of Postgres.`,
  )
}

/** The bytes of a table on disk, without its indexes. */
export async function storageOf(session: Session, schema: string, table: string): Promise<TableStorage> {
  const [found] = await session.rows(
    `SELECT sum(pg_table_size(part.oid)) AS bytes
     FROM pg_class AS part
     WHERE part.oid = to_regclass($1) OR part.oid IN (SELECT relid FROM pg_partition_tree(to_regclass($1)))`,
    [quotePath(schema, table)],
  )
  return { bytes: found?.bytes == null ? undefined : Number(found.bytes), scatteredDays: [] }
}

/** Adds columns, the table itself included, within the transaction of the session. */
export async function addMissing(
  session: Session,
  schema: string,
  table: string,
  missing: readonly KnownColumn[],
): Promise<void> {
  const path = quotePath(schema, table)
  const existing = await existingTypes(session, path)
  for (const { name, type } of missing) {
    const found = existing?.get(name)
    if (found !== undefined && found !== TYPE_NAMES[type]) throw wrongType(table, name, found, TYPE_NAMES[type])
  }
  const definitions = missing
    .filter(({ name }) => existing?.has(name) !== true)
    .map(({ name, type }) => `${quoteName(name)} ${TYPE_NAMES[type]}`)
  if (existing === undefined) {
    await session.run(`CREATE TABLE ${path} (${definitions.join(', ')})`)
  } else if (definitions.length > 0) {
    const additions = definitions.map((definition) => `ADD COLUMN IF NOT EXISTS ${definition}`)
    await session.run(`ALTER TABLE ${path} ${additions.join(', ')}`)
  }
}

/** The types of a table's columns, whoever created them; undefined if there is no table. */
async function existingTypes(session: Session, path: string): Promise<ReadonlyMap<string, string> | undefined> {
  const [found] = await session.rows('SELECT to_regclass($1) AS oid', [path])
  if (found?.oid == null) return undefined
  const rows = await session.rows(
    `SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute
     WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
    [path],
  )
  return new Map(rows.map(({ attname, type }) => [String(attname), String(type)]))
}

/**
 * Deletes the rows of some days. If there is no index on the days, it creates one, without which
 * every load would read the whole table. The index is not created earlier, because it makes
 * appending 10 % slower. It is a btree, because the server uses a brin only after it has gathered
 * statistics (3,000,000 rows of 30 columns: 1.5 s to create, 20 MB; finding that a day is missing
 * takes 0.5 ms with the index and 1.4 s without).
 */
export async function deleteDays(session: Session, schema: string, table: string, first: Day, last: Day) {
  const path = quotePath(schema, table)
  const [found] = await session.rows(
    `SELECT FROM pg_index AS index
     JOIN pg_attribute AS day ON day.attrelid = index.indrelid AND day.attnum = index.indkey[0]
     WHERE index.indrelid = to_regclass($1) AND index.indisvalid AND index.indpred IS NULL AND day.attname = $2`,
    [path, DAY_COLUMN],
  )
  // This does not block readers, and nobody else writes here.
  if (found === undefined) await session.run(`CREATE INDEX ON ${path} (${quoteName(DAY_COLUMN)})`)
  await session.run(`DELETE FROM ${path} WHERE ${quoteName(DAY_COLUMN)} BETWEEN $1 AND $2`, [first, last])
}

/**
 * Makes the index through which a load of events finds the rows of its days, and users those of a
 * time. It is a brin, which costs next to nothing, because rows come by days. Without statistics,
 * the server would rather read the whole table, so this turns that off until the transaction ends.
 * Makes no index if the role does not own the table.
 */
export async function indexEvents(session: Session, schema: string, table: string): Promise<void> {
  const name = nameOfIndex(table)
  const [found] = await session.rows(
    `SELECT to_regclass($2) IS NOT NULL AS made, pg_has_role(relowner, 'USAGE') AS owned
     FROM pg_class WHERE oid = to_regclass($1)`,
    [quotePath(schema, table), quotePath(schema, name)],
  )
  const columns = [DAY_COLUMN, 'time'].map((column) => quoteName(column)).join(', ')
  if (found?.owned === 't' && found.made !== 't')
    await session.run(`CREATE INDEX ${quoteName(name)} ON ${quotePath(schema, table)} USING brin (${columns})`)
  await session.run('SET LOCAL enable_seqscan = off')
  await session.run('SET LOCAL jit = off')
}

/** Adds the newest rows to the index, which each partition of a table has for itself. */
export async function summarizeIndex(session: Session, schema: string, table: string): Promise<void> {
  await session.rows(
    `WITH index AS (SELECT to_regclass($1) AS oid)
     SELECT brin_summarize_new_values(part.oid)
     FROM index, pg_class AS part JOIN pg_am ON pg_am.oid = part.relam
     WHERE part.relkind = 'i' AND amname = 'brin' AND pg_has_role(part.relowner, 'USAGE')
       AND (part.oid = index.oid OR part.oid IN (SELECT relid FROM pg_partition_tree(index.oid)))`,
    [quotePath(schema, nameOfIndex(table))],
  )
}

function nameOfIndex(table: string): string {
  return `${table}_by_day`
}

function wrongType(table: string, name: string, found: string, wanted: string): MixloadError {
  return new MixloadError(
    'DESTINATION_FAILED',
    `Table ${table} has a column ${name} of type ${found} that mixload did not create, and needs it with type ${wanted}. ` +
      'Rename the existing column and run again.',
  )
}
