import type { Column, ColumnType } from '../../lib/columns/column.ts'
import { foldName } from '../../lib/columns/naming.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import type { DestinationCapabilities } from '../../lib/destination/contract.ts'
import { DAY_COLUMN } from '../../lib/destination/load-rules.ts'

/** Numbers from docs.cloud.google.com/bigquery/quotas. */
export const CAPABILITIES: DestinationCapabilities = {
  dialect: 'bigquery',
  nameQuote: '`',
  // Names may have 300 characters, and a name has at least as many bytes.
  identifierBytesMax: 300,
  // Of a column. The page says characters, and a text has at least as many bytes.
  commentBytesMax: 1024,
  columnsMax: 10_000,
  valuesPerRowMax: Number.POSITIVE_INFINITY,
  // Load and copy jobs that write one table, failed ones included. It cannot be raised.
  loadsPerDayMax: 1500,
  // Partitions that one job may change.
  daysPerLoadMax: 4000,
  // Days are replaced one after the other, each in one step.
  atomicReplace: false,
  atomicLedger: false,
  readersDuringLoad: true,
  queries: true,
  removesRows: true,
}

/** As the API returns them: it accepts FLOAT64 too, but returns FLOAT. */
export const TYPE_NAMES: Readonly<Record<ColumnType, string>> = {
  text: 'STRING',
  double: 'FLOAT',
  boolean: 'BOOLEAN',
  json: 'JSON',
  timestamptz: 'TIMESTAMP',
  bigint: 'INTEGER',
  date: 'DATE',
}

/** The columns that tables are clustered by, if they have them. */
const CLUSTER_COLUMNS = ['event', 'distinct_id']

/** Partitioning and clustering of a table with these columns, which cannot be changed later. */
export function layoutOf(columns: readonly Column[]): {
  readonly timePartitioning?: object
  readonly clustering?: object
} {
  if (!columns.some(({ name, type }) => name === DAY_COLUMN && type === 'date')) return {}
  const timePartitioning = { type: 'DAY', field: DAY_COLUMN }
  const isText = (wanted: string) => columns.some(({ name, type }) => name === wanted && type === 'text')
  const fields = CLUSTER_COLUMNS.filter(isText)
  return fields.length === 0 ? { timePartitioning } : { timePartitioning, clustering: { fields } }
}

/** docs.cloud.google.com/bigquery/docs/schemas, "Column names". Case does not matter. */
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
const TABLE_BYTES_MAX = 1024

/**
 * Why BigQuery refuses a column with this name; undefined if it accepts it. The "flexible column
 * names" of the same page allow more characters (`&`, `%`, spaces …), which mixload never needs and
 * other tools do not handle.
 */
export function columnNameFault(name: string): string | undefined {
  if (name === '') return 'it is empty'
  if ([...name].length > NAME_CHARACTERS_MAX) return `it has more than ${NAME_CHARACTERS_MAX} characters`
  if (!/^[\p{L}\p{M}\p{N}_]+$/u.test(name)) return 'it has characters other than letters, digits and _'
  if (/^\p{N}/u.test(name)) return 'it begins with a digit'
  const reserved = RESERVED_PREFIXES.find((prefix) => name.toUpperCase().startsWith(prefix))
  return reserved === undefined ? undefined : `BigQuery reserves names that begin with ${reserved}`
}

/**
 * Refuses columns that BigQuery would not accept beside the existing ones.
 * @throws MixloadError DESTINATION_FAILED naming the column.
 */
export function assertColumns(table: string, existing: readonly string[], added: readonly Column[]): void {
  const taken = new Map(existing.map((name) => [foldName(name), name]))
  for (const { name } of added) {
    const fault = columnNameFault(name)
    if (fault !== undefined) throw refused(`column ${name} of ${table} cannot be created: ${fault}.`)
    const same = taken.get(foldName(name))
    if (same !== undefined) {
      throw refused(`column ${name} of ${table} cannot be created: to BigQuery it is the same as column ${same}.`)
    }
    taken.set(foldName(name), name)
  }
  const count = existing.length + added.length
  if (count > CAPABILITIES.columnsMax) {
    throw refused(`${table} would have ${count} columns; BigQuery allows ${CAPABILITIES.columnsMax}.`)
  }
}

/** docs.cloud.google.com/bigquery/docs/tables, "Table naming", without spaces and dashes. */
export function isTableName(name: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{Pc}]+$/u.test(name) && Buffer.byteLength(name) <= TABLE_BYTES_MAX
}

/** @throws MixloadError DESTINATION_FAILED if no table may have this name. */
export function assertTableName(name: string): void {
  if (!isTableName(name)) {
    throw refused(`${JSON.stringify(name)} is not a valid table name: use letters, digits and _.`)
  }
}

function refused(what: string): MixloadError {
  return new MixloadError('DESTINATION_FAILED', `BigQuery: ${what}`)
}
