import { z } from 'zod'
import type { Requester } from '../mixpanel/requester.ts'
import type { Slice } from '../slices.ts'
import { parseAnswer, unknownForm } from '../streams/answer.ts'
import type { Day } from '../time/days.ts'
import { countsOf, type EventCounts } from './compare.ts'

/** The most bytes of names in one request: servers accept URLs of about 8 KB. */
const NAMES_BYTES_MAX = 6000

const Counts = z.object({ data: z.object({ values: z.record(z.string(), z.record(z.string(), z.number())) }) })

/**
 * Counts of Mixpanel's reports, by name and day of the project's zone. `type`: `general` counts
 * events, each of them once; `unique` counts people.
 */
export async function mixpanelCounts(
  requester: Pick<Requester, 'ask'>,
  type: 'general' | 'unique',
  names: readonly string[],
  span: Slice,
  signal: AbortSignal,
): Promise<EventCounts> {
  const rows: [Day, string, number][] = []
  for (const batch of batchesOf(names, NAMES_BYTES_MAX)) {
    const days = { unit: 'day', from_date: span.firstDay, to_date: span.lastDay }
    const query = { event: JSON.stringify(batch), type, ...days }
    const { data } = await requester.ask({ family: 'app', path: '/api/query/events', query }, countsIn, signal)
    for (const [event, byDay] of Object.entries(data.values)) {
      // A name without events also has a count.
      rows.push([span.firstDay, event, 0])
      for (const [day, count] of Object.entries(byDay)) rows.push([day.slice(0, 10), event, count])
    }
  }
  return countsOf(rows)
}

/** Splits names into batches of at most `bytesMax` bytes in a URL. */
export function batchesOf(names: readonly string[], bytesMax: number): readonly (readonly string[])[] {
  const batches: string[][] = []
  let bytes = 0
  for (const name of names) {
    const size = encodeURIComponent(JSON.stringify(name)).length + 3
    const batch = batches.at(-1)
    if (batch === undefined || bytes + size > bytesMax) {
      batches.push([name])
      bytes = size
    } else {
      batch.push(name)
      bytes += size
    }
  }
  return batches
}

function countsIn(body: Buffer): z.output<typeof Counts> {
  const what = 'The list of event counts'
  const counts = Counts.safeParse(parseAnswer(body, what))
  if (!counts.success) throw unknownForm(what)
  return counts.data
}
