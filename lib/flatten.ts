import { LOCAL_TIME_COLUMN } from './columns/catalogue.ts'
import type { Column, ColumnType } from './columns/column.ts'
import { fileList } from './engine.ts'
import { LINE_HASH_FIELD, OVERFLOW_FIELD, type SpoolField } from './infer/line-writer.ts'
import { quoteName, quoteText } from './sql.ts'
import { type EventClock, INSTANT_MS_MAX } from './time/event-time.ts'

/** What the engine reads a field of each column type as. Moments come as ISO text and are cast. */
const FIELD_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  json: 'JSON',
  bigint: 'BIGINT',
  timestamptz: 'VARCHAR',
  date: 'VARCHAR',
}

/** Spooled events and how to read them. */
export interface FlattenInput {
  readonly paths: readonly string[]
  readonly fields: readonly SpoolField[]
  readonly hasOverflow: boolean
  /** The column for it, where {@link hasOverflow}. */
  readonly overflowColumn: Column | undefined
  readonly longestLine: number
  readonly clock: EventClock
  /** The project's zone where its times are local clock readings, else undefined. */
  readonly localZone: string | undefined
}

/** A query on the engine and the columns that it gives, in its order. */
export interface Flattened {
  readonly query: string
  readonly columns: readonly Column[]
}

/**
 * The query that turns spooled events into rows of `export`, but for `_loaded_at` and `_load_id`, which belong to the
 * commit. `fixed` are the table's fixed columns; the others come from the fields.
 */
export function flattenExport(input: FlattenInput, fixed: readonly Column[]): Flattened {
  const expressions = new Map<Column, string>()
  const byName = new Map(fixed.map((column) => [column.name, column]))
  const put = (name: string, expression: string) => {
    const column = byName.get(name)
    if (column !== undefined) expressions.set(column, expression)
  }
  const forms = formsByColumn(input.fields)
  put('event', 'event')
  put('event_id', eventId(forms, byName))
  for (const [column, form] of forms) if (!isTime(column)) expressions.set(column, valueExpression(column, form))
  put('time', input.localZone === undefined ? UTC_TIME : localTime(input.localZone))
  put('_day', dayExpression(input.clock))
  if (input.localZone !== undefined) expressions.set(LOCAL_TIME_COLUMN, 'CAST(round(_ms) AS BIGINT)')
  if (input.overflowColumn !== undefined) expressions.set(input.overflowColumn, `CAST(${OVERFLOW_FIELD} AS JSON)`)
  const list = [...expressions].map(([column, expression]) => `${expression} AS ${quoteName(column.name)}`)
  return {
    query: `SELECT ${list.join(',\n  ')}\nFROM (${withMilliseconds(input, forms)})`,
    columns: [...expressions.keys()],
  }
}

type Forms = Map<Column, Partial<Record<SpoolField['form'], string>>>

/** Per column, the fields of the spool that its values come from. */
function formsByColumn(fields: readonly SpoolField[]): Forms {
  const forms: Forms = new Map()
  for (const { column, form, key } of fields) {
    const entry = forms.get(column) ?? {}
    entry[form] = `properties.${quoteName(key)}`
    forms.set(column, entry)
  }
  return forms
}

function valueExpression(column: Column, { value, exact, text }: Partial<Record<SpoolField['form'], string>>): string {
  if (text !== undefined) return text
  if (column.type === 'timestamptz') return `CAST(${value} AS TIMESTAMPTZ)`
  if (column.type === 'date') return `CAST(CAST(${value} AS TIMESTAMPTZ) AS DATE)`
  if (exact === undefined) return value ?? 'NULL'
  return value === undefined ? `CAST(${exact} AS JSON)` : `coalesce(${value}, CAST(${exact} AS JSON))`
}

/** The moment as milliseconds, from a number, or from a text that is one. NULL where there is none to be had. */
function withMilliseconds(input: FlattenInput, forms: Forms): string {
  const { clock } = input
  let time: string | undefined
  let timeText: string | undefined
  for (const [column, form] of forms) {
    if (isTime(column)) time = form.value
    if (column.role === 'companion' && column.owner === 'time') timeText = form.text
  }
  const number = [time, timeText === undefined ? undefined : `TRY_CAST(${timeText} AS DOUBLE)`].filter(
    (part) => part !== undefined,
  )
  const given = number.length === 0 ? 'CAST(NULL AS DOUBLE)' : `coalesce(${number.join(', ')})`
  const inMilliseconds = `CASE WHEN ${given} >= ${clock.secondsFrom} AND ${given} < ${clock.secondsUntil} THEN ${given} * 1000 ELSE ${given} END`
  return `SELECT *, CASE WHEN abs(${inMilliseconds}) <= ${INSTANT_MS_MAX} THEN ${inMilliseconds} END AS _ms\n  FROM ${reader(input)}`
}

const UTC_TIME = 'make_timestamptz(CAST(round(_ms) AS BIGINT) * 1000)'
const LOCAL_CLOCK = 'make_timestamp(CAST(round(_ms) AS BIGINT) * 1000)'

/** How far clocks are put back in autumn: an hour, but half an hour on Lord Howe Island. */
const CLOCK_STEPS = ["INTERVAL '1 hour'", "INTERVAL '30 minutes'"]

/**
 * A local clock reading as the moment it means. Where clocks are put back a reading means two moments, and the earlier
 * one is taken (the engine by itself takes the later); one that clocks skip in spring is taken as that much later.
 */
function localTime(zone: string): string {
  const local = LOCAL_CLOCK
  const moment = `timezone(${quoteText(zone)}, ${local})`
  const earlier = CLOCK_STEPS.map(
    (step) => `WHEN timezone(${quoteText(zone)}, ${moment} - ${step}) = ${local} THEN ${moment} - ${step}`,
  )
  return `CASE ${earlier.join(' ')} ELSE ${moment} END`
}

/** The day in the export's own clock, which is the one `time` is in; kept within the slice, so that a day can be replaced. */
function dayExpression({ filedUnder, from, until }: EventClock): string {
  if (filedUnder === undefined) {
    return `CASE WHEN round(_ms) >= ${from} AND round(_ms) < ${until} THEN CAST(${LOCAL_CLOCK} AS DATE) END`
  }
  const { firstDay, lastDay } = filedUnder
  const first = `DATE ${quoteText(firstDay)}`
  if (firstDay === lastDay) return first
  return `least(greatest(coalesce(CAST(${LOCAL_CLOCK} AS DATE), ${first}), ${first}), DATE ${quoteText(lastDay)})`
}

/** Parts are joined by U+001F, which no name holds, so that no two events have the same text. */
function eventId(forms: Forms, byName: ReadonlyMap<string, Column>): string {
  const insertId = byName.get('mp_insert_id')
  const given = insertId === undefined ? undefined : forms.get(insertId)?.value
  const identity = given === undefined ? LINE_HASH_FIELD : `coalesce(nullif(${given}, ''), ${LINE_HASH_FIELD})`
  return `md5(concat(event, chr(31), CAST(CAST(round(_ms) AS BIGINT) AS VARCHAR), chr(31), ${identity}))`
}

/** `read_json` with the exact struct of the slice's fields. */
function reader(input: FlattenInput): string {
  const struct = input.fields.map((field) => `${quoteName(field.key)} ${fieldType(field)}`).join(', ')
  const columns = [
    `event: 'VARCHAR'`,
    `${LINE_HASH_FIELD}: 'VARCHAR'`,
    ...(input.hasOverflow ? [`${OVERFLOW_FIELD}: 'VARCHAR'`] : []),
    ...(struct === '' ? [] : [`properties: ${quoteText(`STRUCT(${struct})`)}`]),
  ]
  return readNdjson(input.paths, columns, input.longestLine)
}

/** The engine's reader for NDJSON files of lines up to `longestLine` bytes, as `name: 'TYPE'` columns. */
export function readNdjson(paths: readonly string[], columns: readonly string[], longestLine: number): string {
  // The engine's buffers are a multiple of this, a thread, so it is no larger than the lines need.
  const objectBytes = Math.max(1 << 20, longestLine + 1024)
  return (
    `read_json(${fileList(paths)}, format = 'newline_delimited', compression = 'uncompressed', ` +
    `maximum_object_size = ${objectBytes}, auto_detect = false, columns = {${columns.join(', ')}})`
  )
}

function fieldType({ column, form }: SpoolField): string {
  if (form !== 'value') return 'VARCHAR'
  // The moment of the event comes as a number, not as ISO text.
  return isTime(column) ? 'DOUBLE' : FIELD_TYPES[column.type]
}

function isTime(column: Column): boolean {
  return column.role === 'fixed' && column.name === 'time'
}
