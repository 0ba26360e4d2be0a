import type { Column, ColumnType } from '../../lib/columns/column.ts'
import { foldName } from '../../lib/columns/naming.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import type { DestinationSupports } from '../../lib/destination/contract.ts'

/** Numbers from docs.cloud.google.com/bigquery/quotas. */
export const SUPPORTS: DestinationSupports = {
  dialect: 'bigquery',
  nameQuote: '`',
  // Names may have 300 characters, which are never more than their bytes.
  identifierBytesMax: 300,
  columnsMax: 10_000,
  valuesPerRowMax: Number.POSITIVE_INFINITY,
  // Load and copy jobs that write one table, failed ones counted. It cannot be raised.
  loadsPerDayMax: 1500,
  // Partitions that one job may change.
  daysPerLoadMax: 4000,
  // Days are replaced one by one, each in one step.
  atomicReplace: false,
  atomicLedger: false,
  readersDuringLoad: true,
  queries: true,
}

/** As the API itself spells them: it takes FLOAT64 as well, but answers with FLOAT. */
export const TYPE_NAMES: Readonly<Record<ColumnType, string>> = {
  text: 'STRING',
  double: 'FLOAT',
  boolean: 'BOOLEAN',
  json: 'JSON',
  timestamptz: 'TIMESTAMP',
  bigint: 'INTEGER',
  date: 'DATE',
}

/** The column that tables are partitioned by, a day a partition. */
export const DAY_COLUMN = '_day'

/** The columns by which rows of a partition are kept together, where a table has them. */
const CLUSTER_COLUMNS = ['event', 'distinct_id']

/** How a table of these columns is laid out: what can't be changed after it has been made. */
export function layoutOf(columns: readonly Column[]): {
  readonly timePartitioning?: { readonly type: 'DAY'; readonly field: string }
  readonly clustering?: { readonly fields: readonly string[] }
} {
  const isPartitioned = columns.some(({ name, type }) => name === DAY_COLUMN && type === 'date')
  const clustered = CLUSTER_COLUMNS.filter((wanted) =>
    columns.some(({ name, type }) => name === wanted && type === 'text'),
  )
  return {
    ...(isPartitioned ? { timePartitioning: { type: 'DAY', field: DAY_COLUMN } as const } : {}),
    ...(isPartitioned && clustered.length > 0 ? { clustering: { fields: clustered } } : {}),
  }
}

/** docs.cloud.google.com/bigquery/docs/schemas, "Column names"; upper and lower case are one. */
const RESERVED_PREFIXES = [
  '_TABLE_',
  '_FILE_',
  '_PARTITION',
  '_ROW_TIMESTAMP',
  '__ROOT__',
  '_COLIDENTIFIER',
  '_CHANGE_SEQUENCE_NUMBER',
  '_CHANGE_TYPE',
  '_CHANGE_TIMESTAMP',
]
const NAME_CHARACTERS_MAX = 300
/** Google's page says characters, and not of what kind: bytes are never fewer. */
const DESCRIPTION_BYTES_MAX = 1024
const TABLE_BYTES_MAX = 1024

/**
 * Why BigQuery would not take a column of this name; undefined where it would. The same page's "flexible column names"
 * allow more signs (`&`, `%`, spaces …), which no property leads to and which later tools stumble over.
 */
export function columnNameFault(name: string): string | undefined {
  if (name === '') return 'it is empty'
  if ([...name].length > NAME_CHARACTERS_MAX) return `it has more than ${NAME_CHARACTERS_MAX} characters`
  if (!/^[\p{L}\p{M}\p{N}_]+$/u.test(name)) return 'it has characters other than letters, digits and _'
  if (/^\p{N}/u.test(name)) return 'it begins with a digit'
  const reserved = RESERVED_PREFIXES.find((prefix) => name.toUpperCase().startsWith(prefix))
  return reserved === undefined ? undefined : `BigQuery keeps names that begin with ${reserved} for itself`
}

/**
 * Refuses columns that BigQuery would not take beside those that are there.
 * @throws MixloadError DESTINATION_FAILED naming the column.
 */
export function assertColumns(table: string, there: readonly string[], added: readonly Column[]): void {
  const taken = new Map(there.map((name) => [foldName(name), name]))
  for (const { name } of added) {
    const fault = columnNameFault(name)
    if (fault !== undefined) throw refused(`column ${name} of ${table} cannot be made: ${fault}.`)
    const other = taken.get(foldName(name))
    if (other !== undefined) {
      throw refused(`column ${name} of ${table} cannot be made: to BigQuery it is ${other}, which is there.`)
    }
    taken.set(foldName(name), name)
  }
  const count = there.length + added.length
  if (count > SUPPORTS.columnsMax) {
    throw refused(`${table} would have ${count} columns; BigQuery allows ${SUPPORTS.columnsMax}.`)
  }
}

/** Whether a table may have this name: docs.cloud.google.com/bigquery/docs/tables, "Table naming", and no spaces or dashes. */
export function isTableName(name: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{Pc}]+$/u.test(name) && Buffer.byteLength(name) <= TABLE_BYTES_MAX
}

/** @throws MixloadError DESTINATION_FAILED where no table may have this name. */
export function assertTableName(name: string): void {
  if (!isTableName(name)) {
    throw refused(`${JSON.stringify(name)} is no name for a table: it may have letters, digits and _.`)
  }
}

/** What the warehouse shows of a column: the property as Mixpanel spells it, which the column's name may not. */
export function descriptionOf({ role, property, owner }: Column): string | undefined {
  const text = {
    fixed: property === null ? undefined : `Mixpanel property ${property}`,
    property: `Mixpanel property ${property}`,
    companion: `Values of Mixpanel property ${property} that do not fit into column ${owner}, as text`,
    overflow: 'Mixpanel properties that have no column of their own',
  }[role]
  return text === undefined ? undefined : beginning(text, DESCRIPTION_BYTES_MAX)
}

function beginning(text: string, bytesMax: number): string {
  let bytes = 0
  let end = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > bytesMax) break
    end += character.length
  }
  return text.slice(0, end)
}

/** A partition of a table, as jobs name it. */
export function partitionOf(table: string, day: string): string {
  return `${table}$${day.replaceAll('-', '')}`
}

/** Letters, digits, `_` and `-` are what the id of a job may have. */
export function inJobId(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 60)
}

function refused(what: string): MixloadError {
  return new MixloadError('DESTINATION_FAILED', `BigQuery: ${what}`)
}
