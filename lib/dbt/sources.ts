import type { Column, ColumnType } from '../columns/column.ts'
import type { KnownTable } from '../describe/known-tables.ts'
import { meaningOf, type PropertyDescriptions } from '../describe/sentences.ts'
import { IS_NOTE } from '../destination/selection.ts'

/** The entry of a column or table in dbt's format. Keys are written in this order. */
export type Entry = Readonly<Record<string, unknown>> & { readonly name: string }

export interface SourceTable {
  readonly entry: Entry
  readonly columns: readonly Entry[]
  /** The descriptions of the columns without the Lexicon, by name. */
  readonly plainDescriptions: ReadonlyMap<string, string>
}

/** The tables of a schema, as a dbt source. */
export interface Source {
  readonly entry: Entry
  readonly tables: readonly SourceTable[]
}

/** An existing table or view. */
export interface FoundTable {
  readonly known: KnownTable
  /** In the order in which they were added; empty for a view. */
  readonly columns: readonly Column[]
  readonly lexicon: PropertyDescriptions
}

export interface SourceOptions {
  readonly name: string
  readonly schema: string
  /** Default: the target's own. */
  readonly database: string | undefined
  readonly types: Readonly<Record<ColumnType, string>>
  /** The quoted path of `_mixload_loads`. */
  readonly loads: string
}

/** dbt warns, and then fails, after this many hours without a load. */
const WARN_HOURS = 36
const ERROR_HOURS = 72

/** Describes tables for dbt. Freshness is by the ledger, so a night without events is fine. */
export function sourceOf(options: SourceOptions, tables: readonly FoundTable[]): Source {
  const { name, schema, database } = options
  return {
    entry: {
      name,
      description: 'Loaded from Mixpanel by mixload',
      ...(database === undefined ? {} : { database }),
      schema,
      loader: 'mixload',
    },
    tables: tables.map((table) => tableOf(options, table)),
  }
}

function tableOf(options: SourceOptions, { known, columns, lexicon }: FoundTable): SourceTable {
  const { name, description, key } = known
  const tests = key.length > 1 ? [uniqueTest(options, key)] : []
  return {
    entry: {
      name,
      description,
      ...(known.streams.length === 0 ? {} : { config: freshnessOf(options, known.streams) }),
      ...(tests.length === 0 ? {} : { data_tests: tests }),
    },
    columns: [
      ...columns.map((column) => columnOf(options, known, column, lexicon)),
      // For a view, list only the key, to test it.
      ...(columns.length > 0 ? [] : key.map((part) => ({ name: part, data_tests: testsOf(known, part) }))),
    ],
    plainDescriptions: new Map(columns.map((column) => [column.name, asText(meaningOf(known, column, {}))])),
  }
}

function columnOf({ types }: SourceOptions, known: KnownTable, column: Column, lexicon: PropertyDescriptions): Entry {
  const { name, type, role, property } = column
  const tests = testsOf(known, name)
  return {
    name,
    description: asText(meaningOf(known, column, lexicon)),
    data_type: types[type],
    ...(property === null ? {} : { config: { meta: { property: asText(property), role } } }),
    ...(tests.length === 0 ? {} : { data_tests: tests }),
  }
}

/** Escapes a text, because dbt treats these files as templates. */
function asText(text: string): string {
  return /\{[{%#]/.test(text) ? text.replaceAll('{', "{{ '{' }}") : text
}

const ALWAYS_SET = ['event_id', '_loaded_at', '_load_id']

function testsOf({ key }: KnownTable, column: string): readonly string[] {
  if (key.length === 1 && key[0] === column) return ['unique', 'not_null']
  return key.includes(column) || ALWAYS_SET.includes(column) ? ['not_null'] : []
}

/** Tests that these columns are unique together. dbt itself tests one column or one expression. */
function uniqueTest({ types }: SourceOptions, key: readonly string[]): unknown {
  const parts = key.map((column) => `cast(${column} as ${types.text})`)
  return { unique: { arguments: { column_name: `(${parts.join(" || '|' || ")})` } } }
}

function freshnessOf({ loads }: SourceOptions, streams: readonly string[]): unknown {
  const names = streams.map((stream) => `'${stream.replaceAll("'", "''")}'`).join(', ')
  return {
    freshness: {
      warn_after: { count: WARN_HOURS, period: 'hour' },
      error_after: { count: ERROR_HOURS, period: 'hour' },
    },
    loaded_at_query: `select max(loaded_at) from ${loads} where stream in (${names}) and not ${IS_NOTE}`,
  }
}
