import { LOCAL_TIME_COLUMN } from '../columns/catalogue.ts'
import type { Column } from '../columns/column.ts'
import { quoteName, quoteText } from '../core/sql.ts'
import { LINE_HASH_FIELD, OVERFLOW_FIELD, type SpoolField } from '../scan/line-writer.ts'
import { type EventClock, INSTANT_MS_MAX } from '../time/event-time.ts'
import { type Flattened, type Forms, formsByColumn, readSpooled, valueExpression } from './spool-reader.ts'

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

/** The spooled events. Their moment comes as a number, not as ISO text. */
function reader({ paths, fields, hasOverflow, longestLine }: FlattenInput): string {
  return readSpooled({
    paths,
    fields,
    topLevel: ['event', LINE_HASH_FIELD, ...(hasOverflow ? [OVERFLOW_FIELD] : [])],
    longestLine,
    isNumber: isTime,
  })
}

function isTime(column: Column): boolean {
  return column.role === 'fixed' && column.name === 'time'
}
