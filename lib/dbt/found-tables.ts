import { MixloadError } from '../core/errors.ts'
import { quoteName } from '../core/sql.ts'
import { type KnownTable, knownTables, LEDGER_TABLES, OTHER_VIEWS } from '../describe/known-tables.ts'
import { type Lexicon, NO_LEXICON, propertiesIn } from '../describe/lexicon.ts'
import { COLUMNS, LOADS } from '../destination/ledger.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { Settings } from '../settings.ts'
import { allViews } from '../views/views.ts'
import { DATA_TYPES } from './data-types.ts'
import { type FoundTable, type Source, sourceOf } from './sources.ts'

/**
 * The tables and views of a destination; none before a load. @throws MixloadError CONFIG_INVALID
 */
export async function foundTables(
  destination: Warehouse,
  settings: Settings,
  signal: AbortSignal,
  lexicon: Lexicon = NO_LEXICON,
): Promise<readonly FoundTable[]> {
  const names = await tableNames(destination, signal)
  if (names.length === 0) return []
  const known = knownTables(settings)
  const views = new Set((await allViews(destination, settings)).map(({ name }) => name))
  const tables: FoundTable[] = []
  for (const name of names) {
    const table = known.find((candidate) => candidate.name === name) ?? otherTable(name)
    tables.push({ known: table, columns: await destination.columns(name), lexicon: propertiesIn(lexicon, name) })
  }
  return [
    ...tables,
    ...[...OTHER_VIEWS, ...known]
      .filter(({ name }) => views.has(name))
      .map((view) => ({ known: view, columns: [], lexicon: {} })),
    ...LEDGER_TABLES.map((table) => ({ known: table, columns: table.columns, lexicon: {} })),
  ]
}

/**
 * The dbt source for these tables. @throws MixloadError CONFIG_INVALID if dbt does not support it.
 */
export function sourceFor(
  destination: Warehouse,
  settings: Settings,
  name: string,
  tables: readonly FoundTable[],
): Source {
  const { dialect, nameQuote } = destination.capabilities
  const types = Object.hasOwn(DATA_TYPES, dialect) ? DATA_TYPES[dialect] : undefined
  if (types === undefined) {
    const message = `mixload dbt does not support this destination (${dialect}). Use DuckDB, Postgres or BigQuery.`
    throw new MixloadError('CONFIG_INVALID', message)
  }
  const path = destination.pathInViews(LOADS.name).slice(1, -1).split(`${nameQuote}.${nameQuote}`)
  const [schema = settings.schema, database] = path.slice(0, -1).reverse()
  const parts = [...(database === undefined ? [] : [database]), schema, LOADS.name]
  const loads = parts.map((part) => quoteName(part, nameQuote)).join('.')
  return sourceOf({ name, schema, database, types, loads }, tables)
}

async function tableNames(destination: Warehouse, signal: AbortSignal): Promise<readonly string[]> {
  const names: string[] = []
  const sql = `SELECT DISTINCT table_name FROM ${destination.pathInViews(COLUMNS.name)} ORDER BY table_name`
  await destination.query(
    sql,
    (rows) => {
      for (const row of rows) names.push(String(JSON.parse(row).table_name))
    },
    signal,
  )
  return names
}

/** A table of a group key that is no longer configured, or of a newer version. */
function otherTable(name: string): KnownTable {
  return { name, description: 'Loaded by mixload', columns: [], properties: {}, key: [], streams: [name] }
}
