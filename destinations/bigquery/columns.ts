import { randomUUID } from 'node:crypto'
import type { NewColumn } from '../../lib/destination.ts'
import { MixloadError } from '../../lib/errors.ts'
import { columnRow } from '../../lib/ledger-row.ts'
import type { Answer } from './answers.ts'
import { assertColumns, assertTableName, descriptionOf, layoutOf, TYPE_NAMES } from './dialect.ts'
import { gzipLines } from './gzip.ts'
import type { Jobs } from './jobs.ts'
import { COLUMNS, RESOURCES } from './ledger.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { Table, Tables } from './tables.ts'

/** What adding columns needs. */
export interface ColumnMaking {
  readonly tables: Tables
  readonly cache: MetadataCache
  readonly jobs: Jobs
}

/** How often a table is looked at anew when somebody else changes it in the same moment. */
const TRIES = 5

/**
 * Makes the columns that are missing, and their table where it is not there: all of them in one change, since a table
 * may be changed only a few times in ten seconds. They are noted after that, so a column is known only once it is there.
 */
export async function addMissing(making: ColumnMaking, name: string, columns: readonly NewColumn[]): Promise<void> {
  const { cache } = making
  const there = new Set((await cache.columns(name)).map((column) => column.name))
  const missing = columns.filter(
    (column, index) => !there.has(column.name) && columns.findIndex((other) => other.name === column.name) === index,
  )
  if (missing.length === 0) return
  assertTableName(name)
  for (let attempt = 0; ; attempt++) {
    if (await isMade(making, name, missing)) break
    if (attempt === TRIES)
      throw new MixloadError('DESTINATION_UNAVAILABLE', `${name} is being changed by somebody else.`)
  }
  await note(making, name, missing)
}

async function isMade({ tables, cache }: ColumnMaking, name: string, missing: readonly NewColumn[]): Promise<boolean> {
  // Anew, because a load may have changed the table's etag.
  const table = await cache.reloadTable(name)
  const fields = (table?.fields ?? []).map((field) => field.name)
  // A run that was killed may have made some and noted none.
  const added = missing.filter((column) => !fields.includes(column.name))
  assertColumns(name, fields, added)
  const schema = { fields: [...(table?.fields ?? []).map(({ resource }) => resource), ...added.map(fieldOf)] }
  if (table === undefined) {
    const made = await tables.create(name, { schema, ...layoutOf(added) })
    if (made !== undefined) cache.putTable(name, made)
    return made !== undefined
  }
  if (table.kind !== 'TABLE')
    throw new MixloadError('DESTINATION_FAILED', `${name} is no table of its own in BigQuery.`)
  assertSameTypes(name, table, missing)
  if (added.length === 0) return true
  const changed = await tables.change(name, table, { schema })
  if (changed !== undefined) cache.putTable(name, changed)
  return changed !== undefined
}

async function note({ tables, cache, jobs }: ColumnMaking, name: string, columns: readonly NewColumn[]) {
  const firstSeenAt = new Date()
  const lines = columns.map((column) => JSON.stringify(columnRow(name, column, firstSeenAt)))
  try {
    await jobs.run({
      id: `mixload_columns_${randomUUID()}`,
      purpose: 'columns',
      writes: COLUMNS,
      isPartitioned: true,
      configuration: {
        load: {
          destinationTable: tables.reference(COLUMNS),
          sourceFormat: 'NEWLINE_DELIMITED_JSON',
          writeDisposition: 'WRITE_APPEND',
          createDisposition: 'CREATE_NEVER',
          schema: RESOURCES[COLUMNS].schema,
        },
      },
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

function fieldOf(column: NewColumn): Answer {
  return {
    name: column.name,
    type: TYPE_NAMES[column.type],
    mode: 'NULLABLE',
    ...(descriptionOf(column) === undefined ? {} : { description: descriptionOf(column) }),
  }
}

function assertSameTypes(name: string, table: Table, columns: readonly NewColumn[]): void {
  for (const column of columns) {
    const field = table.fields.find((other) => other.name === column.name)
    if (field === undefined || field.type === TYPE_NAMES[column.type]) continue
    throw new MixloadError(
      'DESTINATION_FAILED',
      `${name} has a column ${column.name} already that mixload has not made, of type ${field.type}; it needs ${TYPE_NAMES[column.type]}.`,
    )
  }
}
