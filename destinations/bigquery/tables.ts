import { randomUUID } from 'node:crypto'
import { MixloadError } from '../../lib/core/errors.ts'
import type { KnownColumn } from '../../lib/destination/contract.ts'
import { COLUMNS } from '../../lib/destination/ledger.ts'
import { columnRow } from '../../lib/destination/ledger-row.ts'
import { isStatus } from './api/api-failure.ts'
import { type JsonObject, textOf } from './api/json.ts'
import { type Table, type Tables, untilChanged } from './api/tables.ts'
import { assertColumns, assertTableName, layoutOf, TYPE_NAMES } from './dialect.ts'
import { appendTo, type Jobs } from './jobs/jobs.ts'
import { type MetadataCache, SCHEMAS } from './ledger.ts'
import { gzipLines } from './uploads/gzip.ts'
import type { BigQueryAddress } from './url.ts'

/** What adding columns needs. */
export interface ColumnContext {
  readonly tables: Tables
  readonly cache: MetadataCache
  readonly jobs: Jobs
}

/**
 * Creates columns, and their table if it does not exist. All go into one change, because a table
 * may be changed only a few times in ten seconds. They are recorded after that, so a column is
 * known only once it exists.
 */
export async function addColumns(context: ColumnContext, name: string, columns: readonly KnownColumn[]): Promise<void> {
  assertTableName(name)
  await untilChanged(`table ${name}`, () => createColumns(context, name, columns))
  await record(context, name, columns)
}

/** Returns false if somebody else has changed the table at the same time. */
async function createColumns(
  { tables, cache }: ColumnContext,
  name: string,
  missing: readonly KnownColumn[],
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

async function record({ tables, cache, jobs }: ColumnContext, name: string, columns: readonly KnownColumn[]) {
  const lines = columns.map((column) => JSON.stringify(columnRow({ ...column, table: name })))
  try {
    await jobs.run({
      id: `mixload_columns_${randomUUID()}`,
      purpose: 'columns',
      writes: COLUMNS.name,
      isPartitioned: true,
      configuration: { load: { ...appendTo(tables.reference(COLUMNS.name)), schema: SCHEMAS.columns } },
      content: () => gzipLines(lines),
    })
  } catch (error) {
    cache.clear()
    throw error
  }
  cache.addColumns(name, columns)
}

function fieldOf({ name, type }: KnownColumn): JsonObject {
  return { name, type: TYPE_NAMES[type], mode: 'NULLABLE' }
}

function assertSameTypes(name: string, table: Table, columns: readonly KnownColumn[]): void {
  for (const column of columns) {
    const field = table.fields.find((existing) => existing.name === column.name)
    if (field === undefined || field.type === TYPE_NAMES[column.type]) continue
    throw new MixloadError(
      'DESTINATION_FAILED',
      `${name} has a column ${column.name} that mixload did not create, of type ${field.type}; mixload needs ${TYPE_NAMES[column.type]}.`,
    )
  }
}

/**
 * Creates the dataset if it does not exist, and sets the client's location. Returns whether it is
 * new.
 * @throws MixloadError DESTINATION_FAILED saying which right is missing; CONFIG_INVALID if it is
 *   kept elsewhere.
 */
export async function ensureDataset(
  tables: Tables,
  { project, dataset, location }: BigQueryAddress,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await permitted(
    tables.getDataset(signal),
    `The account may not see dataset ${dataset} of ${project}. Grant it roles/bigquery.dataEditor on the dataset.`,
  )
  const created =
    found === undefined &&
    (await permitted(
      tables.createDataset(location, signal),
      `Project ${project} has no dataset ${dataset}, and the account may not create it. Create it yourself, or grant ` +
        'the account bigquery.datasets.create, which roles/bigquery.user has.',
    ))
  if (created) {
    tables.client.location = textOf(created.location) ?? location
    return true
  }
  // Created at the same time by somebody else, or by an attempt whose answer was lost.
  const existing = found ?? (await tables.getDataset(signal)) ?? {}
  tables.client.location = locationOf(existing, location, dataset)
  return false
}

function locationOf(dataset: JsonObject, wanted: string | undefined, name: string): string | undefined {
  const location = textOf(dataset.location)
  if (wanted === undefined || location === undefined || wanted.toLowerCase() === location.toLowerCase()) return location
  throw new MixloadError(
    'CONFIG_INVALID',
    `--destination: dataset ${name} is kept in ${location}, not in ${wanted}, and cannot be moved. Correct the location, or name another dataset.`,
  )
}

async function permitted<T>(call: Promise<T>, advice: string): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (isStatus(error, 403) && error.reason === 'accessDenied') {
      throw new MixloadError('DESTINATION_FAILED', advice, { cause: error })
    }
    throw error
  }
}
