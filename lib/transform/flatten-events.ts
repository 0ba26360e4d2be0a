import { LOCAL_TIME_COLUMN } from '../columns/catalogue.ts'
import type { Column } from '../columns/column.ts'
import { quoteText } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import { eventIdOf } from '../destination/event-key.ts'
import { byLoad } from '../destination/grouped-rows.ts'
import { LINE_HASH_FIELD } from '../scan/line-writer.ts'
import type { EventClock } from '../time/event-time.ts'
import { INSTANT_MS_MAX } from '../time/instants.ts'
import { type Forms, formsByColumn, isTime, type SpooledLines } from './spool-reader.ts'

/** How to make rows of events. */
export interface EventInput {
  /** The clock of each load. */
  readonly clocks: readonly EventClock[]
  /** The project's zone if its times are local clock readings, else undefined. */
  readonly localZone: string | undefined
  readonly fixed: ReadonlyMap<string, Column>
}

/** The computed columns of events: `event_id`, `time`, `_day` and `_time_raw`. */
export function eventExpressions(input: EventInput, forms: Forms): Map<Column, string> {
  const { clocks, localZone, fixed } = input
  const expressions = new Map<Column, string>()
  const put = (name: string, expression: string) => {
    const column = fixed.get(name)
    if (column !== undefined) expressions.set(column, expression)
  }
  put('event_id', eventId(input, forms))
  put('time', localZone === undefined ? UTC_TIME : localTime(localZone))
  put('_day', dayExpression(clocks))
  if (localZone !== undefined) expressions.set(LOCAL_TIME_COLUMN, 'CAST(round(__ms) AS BIGINT)')
  return expressions
}

/** The lines of `source` with `__ms`: a numeric `time` in milliseconds, or NULL. */
export function withMilliseconds(
  { clocks }: EventInput,
  { fields, shape }: Pick<SpooledLines, 'fields' | 'shape'>,
  source: string,
): string {
  let time: string | undefined
  for (const [column, form] of formsByColumn(fields, shape)) {
    if (isTime(column)) time = form.value
  }
  const given = time ?? 'CAST(NULL AS DOUBLE)'
  const from = byLoad(clocks.map(({ secondsFrom }) => String(secondsFrom)))
  const until = byLoad(clocks.map(({ secondsUntil }) => String(secondsUntil)))
  const inMilliseconds = `CASE WHEN ${given} >= ${from} AND ${given} < ${until} THEN ${given} * 1000 ELSE ${given} END`
  return `(SELECT *, CASE WHEN abs(${inMilliseconds}) <= ${INSTANT_MS_MAX} THEN ${inMilliseconds} END AS __ms\n  FROM ${source})`
}

const UTC_TIME = 'make_timestamptz(CAST(round(__ms) AS BIGINT) * 1000)'
const LOCAL_CLOCK = 'make_timestamp(CAST(round(__ms) AS BIGINT) * 1000)'

/** How far clocks are put back in autumn: an hour, but half an hour on Lord Howe Island. */
const CLOCK_STEPS = ["INTERVAL '1 hour'", "INTERVAL '30 minutes'"]

/**
 * The moment of a local time. A time that occurs twice in autumn means the earlier moment, although
 * the engine would take the later one. A time that clocks skip in spring moves forward.
 */
function localTime(zone: string): string {
  const local = LOCAL_CLOCK
  const moment = `timezone(${quoteText(zone)}, ${local})`
  const earlier = CLOCK_STEPS.map(
    (step) => `WHEN timezone(${quoteText(zone)}, ${moment} - ${step}) = ${local} THEN ${moment} - ${step}`,
  )
  return `CASE ${earlier.join(' ')} ELSE ${moment} END`
}

/** The day by the export's clock, kept within the slice so that a day can be replaced. */
function dayExpression(clocks: readonly EventClock[]): string {
  const filedUnder = clocks.flatMap((clock) => clock.filedUnder ?? [])
  if (filedUnder.length < clocks.length) {
    const from = byLoad(clocks.map((clock) => String(clock.from)))
    const until = byLoad(clocks.map((clock) => String(clock.until)))
    return `CASE WHEN round(__ms) >= ${from} AND round(__ms) < ${until} THEN CAST(${LOCAL_CLOCK} AS DATE) END`
  }
  const first = byLoad(filedUnder.map(({ firstDay }) => `DATE ${quoteText(firstDay)}`))
  const last = byLoad(filedUnder.map(({ lastDay }) => `DATE ${quoteText(lastDay)}`))
  if (first === last) return first
  return `least(greatest(coalesce(CAST(${LOCAL_CLOCK} AS DATE), ${first}), ${first}), ${last})`
}

/** Events with an `$insert_id` are known by it; others by their whole line. */
function eventId({ localZone, fixed }: EventInput, forms: Forms): string {
  const parts = ['event', 'CAST(CAST(round(__ms) AS BIGINT) AS VARCHAR)', LINE_HASH_FIELD]
  // U+001F, which no name contains, separates the parts.
  const ofLine = `md5(concat(${parts.join(', chr(31), ')}))`
  const insertId = fixed.get('mp_insert_id')
  const given = insertId === undefined ? undefined : forms.get(insertId)?.value
  if (given === undefined) return ofLine
  const second =
    localZone === undefined
      ? 'CAST(floor(round(__ms) / 1000) AS BIGINT)'
      : sqlText('duckdb', 'second', { time: localTime(localZone) })
  const sqlOf = (column: Column) => forms.get(column)?.value
  const id = eventIdOf('duckdb', [...forms.keys()], { second, insertId: given, sqlOf })
  return `CASE WHEN ${given} <> '' THEN ${id} ELSE ${ofLine} END`
}
