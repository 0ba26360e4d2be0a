import { z } from 'zod'
import { quoteText } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { Slice } from '../slices.ts'
import { addDays, type Day } from '../time/days.ts'
import { countsOf, type EventCounts } from './compare.ts'
import type { WarehousePeople } from './compare-people.ts'

const Row = z.object({ day: z.string(), event: z.string(), count: z.coerce.number() })
const PeopleRow = z.object({
  day: z.string(),
  event: z.string(),
  people: z.coerce.number(),
  ids: z.coerce.number(),
})

/** Days of a zone. */
type Span = Slice & { readonly zone: string }

/** Event counts of `export_latest`, by name and day of the project's zone. */
export async function warehouseCounts(destination: Warehouse, span: Span, signal: AbortSignal): Promise<EventCounts> {
  const rows = await counted(destination, 'event_counts', span, signal)
  return countsOf(rows.map((row) => Row.parse(row)).map(({ day, event, count }) => [day, event, count]))
}

/** People and ids in `export_latest`, by name of the event and day of the project's zone. */
export async function warehousePeople(
  destination: Warehouse,
  span: Span,
  signal: AbortSignal,
): Promise<WarehousePeople> {
  const identities = destination.pathInViews('identities')
  const counts = await counted(destination, 'people_counts', span, signal, { identities })
  const rows = counts.map((row) => PeopleRow.parse(row))
  return {
    people: countsOf(rows.map(({ day, event, people }) => [day, event, people])),
    ids: countsOf(rows.map(({ day, event, ids }) => [day, event, ids])),
  }
}

/** The rows of a query that counts. `paths`: of what it reads besides the events. */
async function counted(
  destination: Warehouse,
  name: 'event_counts' | 'people_counts',
  span: Span,
  signal: AbortSignal,
  paths: Readonly<Record<string, string>> = {},
): Promise<readonly unknown[]> {
  // A day in any zone lies within one day before and after the same UTC day.
  const moment = (day: Day) => quoteText(`${day} 00:00:00+00`)
  const sql = sqlText(destination.capabilities.dialect, name, {
    table: destination.pathInViews('export_latest'),
    ...paths,
    zone: quoteText(span.zone),
    from: moment(addDays(span.firstDay, -1)),
    until: moment(addDays(span.lastDay, 2)),
  })
  const rows: unknown[] = []
  await destination.query(sql, (texts) => void rows.push(...texts.map((text): unknown => JSON.parse(text))), signal)
  return rows
}
