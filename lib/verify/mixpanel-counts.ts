import { z } from 'zod'
import { MixloadError } from '../core/errors.ts'
import { parseJson } from '../core/json.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { StreamContext } from '../streams/stream.ts'
import type { Day } from '../time/days.ts'
import { countsOf, type EventCounts } from './compare.ts'

/** Bytes of names in one request: they go into its address, for which servers allow about 8 KB. */
const NAMES_BYTES_MAX = 6000
/** The most names that Mixpanel lists. */
export const EVENT_NAMES_MAX = 5000

const Counts = z.object({ data: z.object({ values: z.record(z.string(), z.record(z.string(), z.number())) }) })
const Names = z.array(z.string())

interface Span {
  readonly firstDay: Day
  readonly lastDay: Day
}

/** The names of a span's events, as Mixpanel lists them: at most 5,000. */
export async function mixpanelNames(
  asking: Pick<StreamContext, 'ask'>,
  span: Span,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const request: ApiRequest = {
    family: 'app',
    path: '/api/query/events/names',
    query: { type: 'general', limit: String(EVENT_NAMES_MAX), from_date: span.firstDay, to_date: span.lastDay },
  }
  return asking.ask(request, (body) => parsed(Names, body, 'event names'), signal)
}

/**
 * The number of events by name and day as Mixpanel's reports count them: each event once, by days of the project's zone.
 * Takes a request for about a hundred names.
 */
export async function mixpanelCounts(
  asking: Pick<StreamContext, 'ask'>,
  names: readonly string[],
  span: Span,
  signal: AbortSignal,
): Promise<EventCounts> {
  const rows: [Day, string, number][] = []
  for (const some of batchesOf(names, NAMES_BYTES_MAX)) {
    const request: ApiRequest = {
      family: 'app',
      path: '/api/query/events',
      query: {
        event: JSON.stringify(some),
        type: 'general',
        unit: 'day',
        from_date: span.firstDay,
        to_date: span.lastDay,
      },
    }
    const { data } = await asking.ask(request, (body) => parsed(Counts, body, 'event counts'), signal)
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

function parsed<T>(schema: z.ZodType<T>, body: Buffer, what: string): T {
  const value = parseJson(body.toString())
  if (value === undefined) throw new MixloadError('BODY_UNREADABLE', `Mixpanel's ${what} are not valid JSON.`)
  const result = schema.safeParse(value)
  if (!result.success)
    throw new MixloadError('BODY_UNREADABLE', `Mixpanel's ${what} have an unknown form. Please report this.`)
  return result.data
}
