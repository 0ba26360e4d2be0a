import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Column } from '../../lib/columns/column.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import { replaceFile } from '../../lib/core/replace-file.ts'
import { quoteName, quoteText } from '../../lib/core/sql.ts'
import type { View } from '../../lib/destination/contract.ts'
import { COLUMNS, columnsOf, type LedgerTable, LOADS, REJECTS, SUPERSEDED } from '../../lib/destination/ledger.ts'
import { DAY_COLUMN } from '../../lib/destination/load-rules.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'
import { isFileError } from './files/file-system.ts'
import { type Layout, tableName } from './files/layout.ts'
import { globbed } from './files/partitions.ts'
import type { Ledger } from './ledger.ts'
import { hasFiles, isDated } from './tables.ts'

/** A table and the query of its view. */
export interface ViewedTable {
  readonly name: string
  readonly columns: readonly Pick<Column, 'name' | 'type'>[]
  /** Reads its files. Without files, which no query could read, it returns no rows. */
  readonly query: string
}

/** The columns of a ledger table, as in its view and its files. */
export function ledgerColumns(table: LedgerTable): readonly Column[] {
  return columnsOf(table).map(({ name, type }) => ({ name, type, role: 'fixed', property: null }))
}

/** All tables, the ledger's included, as their views show them. */
export async function viewedTables(layout: Layout, ledger: Ledger): Promise<readonly ViewedTable[]> {
  const parquetTable = async (name: string, columns: ViewedTable['columns'], isPartitioned: boolean) => ({
    name,
    columns,
    query: await filesQuery(layout, name, columns, isPartitioned),
  })
  const names = await ledger.tables()
  const jsonTable = (table: LedgerTable, directory: string, isFilled: boolean) => {
    const columns = ledgerColumns(table)
    return { name: table.name, columns, query: isFilled ? jsonQuery(directory, columns) : emptyQuery(columns) }
  }
  const tables: ViewedTable[] = [
    jsonTable(LOADS, layout.loads, await ledger.hasLoads()),
    jsonTable(COLUMNS, layout.columns, names.length > 0),
    await parquetTable(REJECTS.name, ledgerColumns(REJECTS), false),
    await parquetTable(SUPERSEDED.name, ledgerColumns(SUPERSEDED), false),
  ]
  for (const name of names) {
    const columns = await ledger.columns(name)
    tables.push(await parquetTable(name, columns, isDated(columns)))
  }
  return tables
}

/** A query for the rows of a table in its files; without files, for no rows. */
export async function filesQuery(
  layout: Layout,
  name: string,
  columns: ViewedTable['columns'],
  isPartitioned: boolean,
): Promise<string> {
  const isFilled = await hasFiles(layout, name, isPartitioned)
  return isFilled ? parquetQuery(layout, name, columns, isPartitioned) : emptyQuery(columns)
}

/** All Parquet files of a table as one table, even if they have different columns. */
function parquetQuery(
  { directory }: Layout,
  table: string,
  columns: ViewedTable['columns'],
  isPartitioned: boolean,
): string {
  const files = isPartitioned ? '*/*.parquet' : '*.parquet'
  const path = quoteText(`${globbed(join(directory, tableName(table)))}/${files}`)
  const days = isPartitioned
    ? `hive_partitioning = true, hive_types = {${DAY_COLUMN}: DATE}`
    : 'hive_partitioning = false'
  const names = columns.map(({ name }) => `  ${quoteName(name)}`).join(',\n')
  const reading = `SELECT * FROM read_parquet(${path}, union_by_name = true, ${days})`
  // A column that no row uses is in no file.
  return `SELECT\n${names}\nFROM (\n${emptyQuery(columns)}\nUNION ALL BY NAME\n${reading}\n)`
}

/** NDJSON files as one table. */
function jsonQuery(directory: string, columns: ViewedTable['columns']): string {
  const types = columns.map(({ name, type }) => `  ${name}: ${quoteText(ENGINE_TYPES[type])}`).join(',\n')
  const path = quoteText(`${globbed(directory)}/*.json`)
  return `FROM read_json(${path}, format = 'newline_delimited', columns = {\n${types}\n})`
}

/** Writes `views.sql` if it differs: a view for each table, then the views over them. */
export async function writeViewsSql(layout: Layout, tables: readonly ViewedTable[]): Promise<void> {
  const text = viewsSql(layout, tables, await readViews(layout))
  const before = await readFile(layout.viewsSql, 'utf8').catch(() => '')
  if (text !== before) await replaceFile(layout.viewsSql, text, { isDurable: true })
}

function viewsSql({ viewsSql: path }: Layout, tables: readonly ViewedTable[], views: readonly View[]): string {
  return [
    '-- All tables and views, for DuckDB. Mixload writes this file, and replaces it when columns or views are added.',
    `-- In the shell of DuckDB: .read ${quoteText(path)}`,
    '-- Paths are absolute: when the directory has been moved, run mixload views.',
    '',
    ...[...tables, ...views].map(({ name, query }) => `${statement(name, query)};\n`),
  ].join('\n')
}

/** The views that were created so far, in their order. */
export async function readViews({ views: path }: Layout): Promise<readonly View[]> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as readonly View[]
  } catch (error) {
    if (isFileError(error, 'ENOENT')) return []
    throw error
  }
}

/** Adds views, and replaces those of the same names. */
export function withViews(views: readonly View[], more: readonly View[]): readonly View[] {
  const byName = new Map(views.map((view) => [view.name, view]))
  for (const view of more) byName.set(view.name, view)
  return [...byName.values()]
}

/**
 * Creates the views over tables without rows, and rolls back.
 * @throws MixloadError if one of them cannot be created.
 */
export async function checkViews(
  connection: EngineConnection,
  tables: readonly ViewedTable[],
  views: readonly View[],
): Promise<void> {
  const names = new Set(tables.map(({ name }) => name.toLowerCase()))
  const taken = views.find(({ name }) => names.has(name.toLowerCase()))
  if (taken !== undefined) throw new MixloadError('DESTINATION_FAILED', `There is a table ${taken.name} already.`)
  await connection.run('BEGIN')
  try {
    await connection.run(`CREATE SCHEMA memory.${CHECKED}`)
    await connection.run(`USE memory.${CHECKED}`)
    for (const { name, columns } of tables) await connection.run(statement(name, emptyQuery(columns)))
    for (const { name, query } of views) await connection.run(statement(name, query))
  } finally {
    await connection.run('ROLLBACK').catch(() => {})
    await connection.run('USE memory.main')
  }
}

const CHECKED = quoteName('parquet views')

/** Creates tables and views for one connection only, by their names without a schema. */
export async function makeViews(
  connection: EngineConnection,
  tables: readonly ViewedTable[],
  views: readonly View[],
): Promise<void> {
  for (const { name, query } of [...tables, ...views])
    await connection.run(`CREATE TEMP VIEW ${quoteName(name)} AS\n${query}`)
}

function statement(name: string, query: string): string {
  return `CREATE OR REPLACE VIEW ${quoteName(name)} AS\n${query}`
}

/** A query for no rows of these columns. */
export function emptyQuery(columns: ViewedTable['columns']): string {
  const list = columns.map(({ name, type }) => `  CAST(NULL AS ${ENGINE_TYPES[type]}) AS ${quoteName(name)}`)
  return `SELECT\n${list.join(',\n')}\nWHERE false`
}
