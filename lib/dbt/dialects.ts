import type { ColumnType } from '../columns/column.ts'
import { quoteBigQueryText, quoteText } from '../core/sql.ts'

/** The SQL of the view `event` by dialect. Values are SQL expressions, names are not. */
export interface Dialect {
  readonly types: Readonly<Record<'text' | 'bigint' | 'boolean', string>>
  literal(text: string): string
  /** A moment as local time in a zone, without a zone. */
  wallClock(moment: string, zone: string): string
  /** Milliseconds since 1970 that are already local, as such a time. */
  wallClockOf(milliseconds: string): string
  /** The moment 24 hours from now. */
  readonly tomorrow: string
  /** A moment as milliseconds since 1970. */
  milliseconds(moment: string): string
  /** The integer of at most nine digits that a text begins with, or null. */
  leadingInteger(text: string): string
  /** A column value as text. A JSON string becomes its content. */
  text(value: string, type: ColumnType): string
  /** A column value as JSON text. */
  json(value: string, type: ColumnType): string
  /** A member of a JSON object as text; null if it does not exist. */
  member(object: string, name: string): string
  /** The texts that are not null, with commas between them. */
  joined(texts: readonly string[]): string
  /** A JSON text in the type of the column `properties`. */
  properties(text: string): string
}

/** Postgres functions take at most 100 arguments. */
const ARGUMENTS_MAX = 90

function concatenated(texts: readonly string[]): string {
  if (texts.length <= ARGUMENTS_MAX) return `concat_ws(',', ${texts.join(', ')})`
  const parts: string[] = []
  for (let at = 0; at < texts.length; at += ARGUMENTS_MAX) {
    parts.push(`nullif(${concatenated(texts.slice(at, at + ARGUMENTS_MAX))}, '')`)
  }
  return concatenated(parts)
}

const duckdb: Dialect = {
  types: { text: 'VARCHAR', bigint: 'BIGINT', boolean: 'BOOLEAN' },
  literal: quoteText,
  wallClock: (moment, zone) => `${moment} AT TIME ZONE ${quoteText(zone)}`,
  wallClockOf: (milliseconds) => `make_timestamp(${milliseconds} * 1000)`,
  tomorrow: "now() + INTERVAL '1 day'",
  milliseconds: (moment) => `epoch_ms(${moment})`,
  leadingInteger: (text) => `TRY_CAST(nullif(regexp_extract(${text}, '^([0-9]{1,9})([^0-9]|$)', 1), '') AS BIGINT)`,
  text(value, type) {
    if (type === 'text') return value
    if (type === 'json') return `(${value} ->> '$')`
    if (type === 'double') return `regexp_replace(CAST(${value} AS VARCHAR), '\\.0$', '')`
    return `CAST(${value} AS VARCHAR)`
  },
  json(value, type) {
    const text = `CAST(${type === 'json' ? value : `to_json(${value})`} AS VARCHAR)`
    // It writes a whole number as 5.0.
    return type === 'double' ? `regexp_replace(${text}, '\\.0$', '')` : text
  },
  // A JSON pointer, because a name may begin like a path.
  member: (object, name) =>
    `json_extract_string(${object}, ${quoteText(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)})`,
  joined: concatenated,
  properties: (text) => `CAST(${text} AS JSON)`,
}

const postgres: Dialect = {
  ...duckdb,
  types: { text: 'text', bigint: 'bigint', boolean: 'boolean' },
  wallClockOf: (milliseconds) => `timestamp '1970-01-01' + ${milliseconds} * interval '1 millisecond'`,
  milliseconds: (moment) => `CAST(round(extract(epoch FROM ${moment}) * 1000) AS bigint)`,
  leadingInteger: (text) => `CAST(substring(${text} FROM '^([0-9]{1,9})(?![0-9])') AS bigint)`,
  text(value, type) {
    if (type === 'text') return value
    return type === 'json' ? `(${value} #>> '{}')` : `CAST(${value} AS text)`
  },
  json: (value, type) => `CAST(${type === 'json' ? value : `to_json(${value})`} AS text)`,
  member: (object, name) => `(${object} ->> ${quoteText(name)})`,
  properties: (text) => `CAST(${text} AS jsonb)`,
}

const bigquery: Dialect = {
  types: { text: 'STRING', bigint: 'INT64', boolean: 'BOOL' },
  literal: quoteBigQueryText,
  wallClock: (moment, zone) => `TIMESTAMP(DATETIME(${moment}, ${quoteBigQueryText(zone)}))`,
  wallClockOf: (milliseconds) => `TIMESTAMP_MILLIS(${milliseconds})`,
  tomorrow: 'TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)',
  milliseconds: (moment) => `UNIX_MILLIS(${moment})`,
  leadingInteger: (text) =>
    `IF(REGEXP_CONTAINS(${text}, '^[0-9]{1,9}([^0-9]|$)'), CAST(REGEXP_EXTRACT(${text}, '^[0-9]+') AS INT64), NULL)`,
  text(value, type) {
    if (type === 'text') return value
    if (type === 'json') return `coalesce(JSON_VALUE(${value}), nullif(TO_JSON_STRING(${value}), 'null'))`
    return `CAST(${value} AS STRING)`
  },
  json(value, type) {
    const text = `TO_JSON_STRING(${value})`
    return type === 'double' ? `REGEXP_REPLACE(${text}, r'\\.0$', '')` : text
  },
  member(object, name) {
    return this.text(`${object}[${quoteBigQueryText(name)}]`, 'json')
  },
  joined: (texts) => `ARRAY_TO_STRING([${texts.join(', ')}], ',')`,
  properties: (text) => text,
}

/** The dialects by name, as destinations name them. */
export const DIALECTS: Readonly<Record<string, Dialect>> = { duckdb, postgres, bigquery }
