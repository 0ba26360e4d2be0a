import { randomUUID } from 'node:crypto'
import type { NewColumn } from '../../lib/destination.ts'
import { MixloadError } from '../../lib/errors.ts'
import { columnRow } from '../../lib/ledger-row.ts'
import { assertColumns, assertTableName, descriptionOf, layoutOf, TYPE_NAMES } from './dialect.ts'
import { gzipLines } from './gzip.ts'
import { appendTo, type Jobs } from './jobs.ts'
import type { JsonObject } from './json.ts'
import { COLUMNS, RESOURCES } from './ledger.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { Table, Tables } from './tables.ts'

/** What adding columns needs. */
export interface ColumnContext {
  readonly tables: Tables
  readonly cache: MetadataCache
  readonly jobs: Jobs
}

/** How often a table is read again when somebody else changes it at the same time. */
const TRIES = 5

/**
 * Creates the columns that are missing, and their table if it does not exist. All go into one
 * change, because a table may be changed only a few times in ten seconds. They are recorded after
 * that, so a column is known only once it exists.
 */
export async function addMissingColumns(
  context: ColumnContext,
  name: string,
  columns: readonly NewColumn[],
): Promise<void> {
  const existing = new Set((await context.cache.columns(name)).map((column) => column.name))
  const missing = columns.filter(
    (column, index) => !existing.has(column.name) && columns.findIndex((first) => first.name === column.name) === index,
  )
  if (missing.length === 0) return
  assertTableName(name)
  for (let attempt = 0; !(await createColumns(context, name, missing)); attempt++) {
    if (attempt === TRIES) {
      throw new MixloadError('DESTINATION_UNAVAILABLE', `Somebody else keeps changing table ${name} in BigQuery.`)
    }
  }
  await record(context, name, missing)
}

/** Returns false if somebody else has changed the table at the same time. */
async function createColumns(
  { tables, cache }: ColumnContext,
  name: string,
  missing: readonly NewColumn[],
): Promise<boolean> {
  // A load may have changed the table's etag.
  const table = await cache.reloadTable(name)
  const fields = (table?.fields ?? []).map((field) => field.name)
  // A run that was killed may have created some and recorded none.
  const added = missing.filter((column) => !fields.includes(column.name))
  assertColumns(name, fields, added)
  const schema = { fields: [...(table?.fields ?? []).map(({ resource }) => resource), ...added.map(fieldOf)] }
  if (table === undefined) {
    const created = await tables.create(name, { schema, ...layoutOf(added) })
    if (created !== undefined) cache.putTable(name, created)
    return created !== undefined
  }
  if (table.kind !== 'TABLE') {
    throw new MixloadError('DESTINATION_FAILED', `${name} is a ${table.kind} in BigQuery, where a table is needed.`)
  }
  assertSameTypes(name, table, missing)
  if (added.length === 0) return true
  const changed = await tables.change(name, table, { schema })
  if (changed !== undefined) cache.putTable(name, changed)
  return changed !== undefined
}

async function record({ tables, cache, jobs }: ColumnContext, name: string, columns: readonly NewColumn[]) {
  const firstSeenAt = new Date()
  const lines = columns.map((column) => JSON.stringify(columnRow(name, column, firstSeenAt)))
  try {
    await jobs.run({
      id: `mixload_columns_${randomUUID()}`,
      purpose: 'columns',
      writes: COLUMNS,
      isPartitioned: true,
      configuration: { load: { ...appendTo(tables.reference(COLUMNS)), schema: RESOURCES[COLUMNS].schema } },
      content: () => gzipLines(lines),
    })
  } catch (error) {
    cache.clear()
    throw error
  }
  cache.addColumns(
    name,
    columns.map((column) => ({ ...column, firstSeenAt })),
  )
}

function fieldOf(column: NewColumn): JsonObject {
  const description = descriptionOf(column)
  return {
    name: column.name,
    type: TYPE_NAMES[column.type],
    mode: 'NULLABLE',
    ...(description === undefined ? {} : { description }),
  }
}

function assertSameTypes(name: string, table: Table, columns: readonly NewColumn[]): void {
  for (const column of columns) {
    const field = table.fields.find((existing) => existing.name === column.name)
    if (field === undefined || field.type === TYPE_NAMES[column.type]) continue
    throw new MixloadError(
      'DESTINATION_FAILED',
      `${name} has a column ${column.name} that mixload did not create, of type ${field.type}; mixload needs ${TYPE_NAMES[column.type]}.`,
    )
  }
}
