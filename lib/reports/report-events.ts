import type { Column } from '../columns/column.ts'
import { quoteBigQueryText, quoteName, quoteText } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import type { DestinationCapabilities } from '../destination/contract.ts'
import { addDays, type Day } from '../time/days.ts'

/** The names that every event of a report has besides the columns of `export_latest`. */
const OWN_NAMES: readonly string[] = ['event_name', 'occurred_at', 'person_id']

/** The events that a report reads. */
export interface ReportSpan {
  /** The first and last day whose events count, in any time zone. */
  readonly firstDay: Day
  readonly lastDay: Day
  /** The names of events that are hidden in Mixpanel's reports. */
  readonly hidden?: readonly string[] | undefined
}

/**
 * The events of a report as a subquery in parentheses, with one row per event: `event_id`,
 * `event_name`, `occurred_at`, `person_id` and the columns of `export_latest`, except those that
 * have one of these names. It has all events of the days, and some of the days next to them: the
 * report itself counts days by its time zone.
 */
export function reportEvents(
  { dialect, nameQuote }: Pick<DestinationCapabilities, 'dialect' | 'nameQuote'>,
  pathOf: (view: string) => string,
  columns: readonly Pick<Column, 'name'>[],
  { firstDay, lastDay, hidden = [] }: ReportSpan,
): string {
  const literal = dialect === 'bigquery' ? quoteBigQueryText : quoteText
  const type = dialect === 'bigquery' ? 'TIMESTAMP' : 'TIMESTAMP WITH TIME ZONE'
  const moment = (day: Day) => `${type} ${literal(`${day} 00:00:00+00`)}`
  const kept = columns.filter(({ name }) => !OWN_NAMES.includes(name.toLowerCase()))
  // A day in any zone lies within one day before and after the same UTC day.
  const [first, last] = [addDays(firstDay, -1), addDays(lastDay, 1)]
  const text = sqlText(dialect, 'report_events', {
    columns: kept.map(({ name }) => `events.${quoteName(name, nameQuote)}`).join(', '),
    latest: pathOf('export_latest'),
    identities: pathOf('identities'),
    first_day: literal(first),
    last_day: literal(last),
    from: moment(first),
    until: moment(addDays(last, 1)),
    hidden: hidden.length === 0 ? '' : `\n  AND events.event NOT IN (${hidden.map(literal).join(', ')})`,
  })
  return `(\n${text.trim()}\n)`
}
