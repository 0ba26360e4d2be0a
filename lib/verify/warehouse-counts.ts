import { z } from 'zod'
import { quoteText } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { Slice } from '../slices.ts'
import { addDays, type Day } from '../time/days.ts'
import { countsOf, type EventCounts } from './compare.ts'

const Row = z.object({ day: z.string(), event: z.string(), count: z.coerce.number() })

/** Event counts of `export_latest`, by name and day of the project's zone. */
export async function warehouseCounts(
  destination: Warehouse,
  span: Slice & { readonly zone: string },
  signal: AbortSignal,
): Promise<EventCounts> {
  // A day in any zone lies within one day before and after the same UTC day.
  const moment = (day: Day) => quoteText(`${day} 00:00:00+00`)
  const sql = sqlText(destination.capabilities.dialect, 'event_counts', {
    table: destination.pathInViews('export_latest'),
    zone: quoteText(span.zone),
    from: moment(addDays(span.firstDay, -1)),
    until: moment(addDays(span.lastDay, 2)),
  })
  const rows: [Day, string, number][] = []
  await destination.query(
    sql,
    (texts) => {
      for (const text of texts) {
        const { day, event, count } = Row.parse(JSON.parse(text))
        rows.push([day, event, count])
      }
    },
    signal,
  )
  return countsOf(rows)
}
