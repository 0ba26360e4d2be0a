import { z } from 'zod'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { Requester } from '../mixpanel/requester.ts'
import { parseAnswer, unknownForm } from '../streams/answer.ts'
import type { Day } from '../time/days.ts'
import { countsOf, type EventCounts } from './compare.ts'

/** Bytes of names in one request: they go into its address, for which servers allow about 8 KB. */
const NAMES_BYTES_MAX = 6000

const Counts = z.object({ data: z.object({ values: z.record(z.string(), z.record(z.string(), z.number())) }) })

interface Span {
  readonly firstDay: Day
  readonly lastDay: Day
}

/**
 * The number of events by name and day as Mixpanel's reports count them: each event once, by days
 * of the project's zone. Takes a request for about a hundred names.
 */
export async function mixpanelCounts(
  requester: Pick<Requester, 'ask'>,
  names: readonly string[],
  span: Span,
  signal: AbortSignal,
): Promise<EventCounts> {
  const rows: [Day, string, number][] = []
  for (const batch of batchesOf(names, NAMES_BYTES_MAX)) {
    const request: ApiRequest = {
      family: 'app',
      path: '/api/query/events',
      query: {
        event: JSON.stringify(batch),
        type: 'general',
        unit: 'day',
        from_date: span.firstDay,
        to_date: span.lastDay,
      },
    }
    const { data } = await requester.ask(request, countsIn, signal)
    for (const [event, byDay] of Object.entries(data.values)) {
      // A name without any event is answered for, too.
      rows.push([span.firstDay, event, 0])
      for (const [day, count] of Object.entries(byDay)) rows.push([day.slice(0, 10), event, count])
    }
  }
  return countsOf(rows)
}

/** Names in lists that take at most so many bytes in an address, each name in one of them. */
export function batchesOf(names: readonly string[], bytesMax: number): readonly (readonly string[])[] {
  const batches: string[][] = []
  let bytes = 0
  for (const name of names) {
    const size = encodeURIComponent(JSON.stringify(name)).length + 3
    const open = batches.at(-1)
    if (open === undefined || bytes + size > bytesMax) {
      batches.push([name])
      bytes = size
    } else {
      open.push(name)
      bytes += size
    }
  }
  return batches
}

function countsIn(body: Buffer): z.output<typeof Counts> {
  const what = 'The counts of events'
  const counts = Counts.safeParse(parseAnswer(body, what))
  if (!counts.success) throw unknownForm(what)
  return counts.data
}
