import type { ColumnType } from '../columns/column.ts'
import { quoteBigQueryText, quoteText } from '../core/sql.ts'

/**
 * What the view `event` needs said differently in different dialects. Values are SQL expressions,
 * names are not.
 */
export interface Dialect {
  readonly types: Readonly<Record<'text' | 'bigint' | 'boolean', string>>
  literal(text: string): string
  /** A moment as the clock of a zone shows it, without a zone. */
  wallClock(moment: string, zone: string): string
  /** The same of milliseconds since 1970 that are on that clock already. */
  wallClockOf(milliseconds: string): string
  /** The moment in a day. */
  readonly tomorrow: string
  /** Milliseconds since 1970 of a moment. */
  milliseconds(moment: string): string
  /** Hexadecimal digits. */
  md5(text: string): string
  /**
   * The whole number that a text begins with; null where it begins with none, or one of more than
   * nine digits.
   */
  leadingInteger(text: string): string
  /** A value of a column as text; a text in json as it is. */
  text(value: string, type: ColumnType): string
  /** A value of a column as the text of a JSON value. */
  json(value: string, type: ColumnType): string
  /** A member of a json object as text; null where it is not there. */
  member(object: string, name: string): string
  /** The texts that are not null, with commas between them. */
  joined(texts: readonly string[]): string
  /** A text of JSON in the type that the column `properties` has. */
  properties(text: string): string
}

/** Postgres takes so many arguments at most, the separator among them. */
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
  md5: (text) => `md5(${text})`,
  leadingInteger: (text) => `TRY_CAST(nullif(regexp_extract(${text}, '^([0-9]{1,9})([^0-9]|$)', 1), '') AS BIGINT)`,
  text(value, type) {
    if (type === 'text') return value
    if (type === 'json') return `(${value} ->> '$')`
    if (type === 'double') return `regexp_replace(CAST(${value} AS VARCHAR), '\\.0$', '')`
    return `CAST(${value} AS VARCHAR)`
  },
  json: (value, type) => `CAST(${type === 'json' ? value : `to_json(${value})`} AS VARCHAR)`,
  // As a pointer, because a name may begin with what opens a path.
  member: (object, name) =>
    `json_extract_string(${object}, ${quoteText(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)})`,
  joined: concatenated,
  properties: (text) => `CAST(${text} AS JSON)`,
}

const postgres: Dialect = {
  types: { text: 'text', bigint: 'bigint', boolean: 'boolean' },
  literal: quoteText,
  wallClock: (moment, zone) => `${moment} AT TIME ZONE ${quoteText(zone)}`,
  wallClockOf: (milliseconds) => `timestamp '1970-01-01' + ${milliseconds} * interval '1 millisecond'`,
  tomorrow: "now() + INTERVAL '1 day'",
  milliseconds: (moment) => `CAST(round(extract(epoch FROM ${moment}) * 1000) AS bigint)`,
  md5: (text) => `md5(${text})`,
  leadingInteger: (text) => `CAST(substring(${text} FROM '^([0-9]{1,9})(?![0-9])') AS bigint)`,
  text(value, type) {
    if (type === 'text') return value
    return type === 'json' ? `(${value} #>> '{}')` : `CAST(${value} AS text)`
  },
  json: (value, type) => `CAST(${type === 'json' ? value : `to_json(${value})`} AS text)`,
  member: (object, name) => `(${object} ->> ${quoteText(name)})`,
  joined: concatenated,
  properties: (text) => `CAST(${text} AS jsonb)`,
}

const bigquery: Dialect = {
  types: { text: 'STRING', bigint: 'INT64', boolean: 'BOOL' },
  literal: quoteBigQueryText,
  wallClock: (moment, zone) => `TIMESTAMP(DATETIME(${moment}, ${quoteBigQueryText(zone)}))`,
  wallClockOf: (milliseconds) => `TIMESTAMP_MILLIS(${milliseconds})`,
  tomorrow: 'TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)',
  milliseconds: (moment) => `UNIX_MILLIS(${moment})`,
  md5: (text) => `TO_HEX(MD5(${text}))`,
  leadingInteger: (text) =>
    `IF(REGEXP_CONTAINS(${text}, '^[0-9]{1,9}([^0-9]|$)'), CAST(REGEXP_EXTRACT(${text}, '^[0-9]+') AS INT64), NULL)`,
  text(value, type) {
    if (type === 'text') return value
    if (type === 'json') return `coalesce(JSON_VALUE(${value}), nullif(TO_JSON_STRING(${value}), 'null'))`
    return `CAST(${value} AS STRING)`
  },
  json: (value) => `TO_JSON_STRING(${value})`,
  member(object, name) {
    return this.text(`${object}[${quoteBigQueryText(name)}]`, 'json')
  },
  joined: (texts) => `ARRAY_TO_STRING([${texts.join(', ')}], ',')`,
  properties: (text) => text,
}

/** By the names that destinations give their dialects. */
export const DIALECTS: Readonly<Record<string, Dialect>> = { duckdb, postgres, bigquery }
