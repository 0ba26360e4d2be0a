import { EVENT_PROPERTIES, EXPORT_COLUMNS, LOCAL_TIME_COLUMN } from '../columns/catalogue.ts'
import { EVENT_LINES, type StreamTable } from '../columns/table.ts'
import { MixloadError } from '../core/errors.ts'
import { exportScope } from '../destination/selection.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { Settings } from '../settings.ts'
import { halves, type Slice, sliceName } from '../slices.ts'
import { parseAnswer } from './answer.ts'
import type { Stream, StreamContext, StreamedReading } from './stream.ts'

/** The most names that Mixpanel lists. */
export const EVENT_NAMES_MAX = 5000

/** How often an incomplete body is requested again before smaller slices are requested. */
const BODY_RETRIES = 1

/** Before the body begins, the requester itself repeats a request. */
const NOT_SENT_AGAIN: StreamedReading['retries'] = { NETWORK_FAILED: 0, SERVER_FAILED: 0, RATE_LIMITED: 0 }

function exportTable({ legacyTime }: Pick<Settings, 'legacyTime'>): StreamTable {
  return {
    name: 'export',
    columns: legacyTime ? [...EXPORT_COLUMNS, LOCAL_TIME_COLUMN] : EXPORT_COLUMNS,
    lines: EVENT_LINES,
    identity: 'event',
    key: [],
    // A project may switch to local times when its table exists.
    reserved: [LOCAL_TIME_COLUMN.name],
    properties: EVENT_PROPERTIES,
    isSelective: true,
  }
}

/** The events of the raw export. `--events` limits them to some names. */
export function exportStream(settings: Pick<Settings, 'legacyTime' | 'events'>): Stream {
  const { events } = settings
  return {
    name: 'export',
    tables: [exportTable(settings)],
    replication: 'incremental',
    family: 'data',
    requestsPerSlice: 1,
    hasLateArrivals: true,
    streamed: {
      request: (slice) => exportRequest(slice, events),
      retries: {
        ...NOT_SENT_AGAIN,
        BODY_TRUNCATED: BODY_RETRIES,
        QUERY_TIMEOUT: BODY_RETRIES,
        BODY_UNREADABLE: BODY_RETRIES,
      },
      narrow: byEvent(events),
    },
    scope: exportScope(events),
    refusal: ({ write }) =>
      write === 'replace' && events !== undefined
        ? '--write replace would remove the events that --events leaves out. Use one of the two.'
        : undefined,
    probe: (_, day) => {
      const request = exportRequest({ firstDay: day, lastDay: day }, events)
      return { name: 'export', request: { ...request, query: { ...request.query, limit: '1' } } }
    },
    async *read(context, slice) {
      if (slice === undefined) throw new TypeError('export is read by days')
      for await (const lines of context.stream(exportRequest(slice, events))) yield { table: 'export', lines }
    },
  }
}

/** The raw export of a slice. Without `time_in_ms` it would round times to seconds. */
function exportRequest({ firstDay, lastDay, since, only }: Slice, events: readonly string[] | undefined): ApiRequest {
  const names = only ?? events
  return {
    family: 'data',
    path: '/api/2.0/export',
    query: {
      from_date: firstDay,
      to_date: lastDay,
      time_in_ms: 'true',
      ...(names === undefined ? {} : { event: JSON.stringify(names) }),
      ...(since === undefined ? {} : { where: `properties["mp_processing_time_ms"] > ${since}` }),
    },
  }
}

/** Requests an incomplete day by the names of its events. */
function byEvent(events: readonly string[] | undefined): StreamedReading['narrow'] {
  return async (context, day, reason, seen) => {
    context.onProgress({ kind: 'slice-by-event', stream: 'export', slice: day, reason: reason.message })
    const only = events ?? (await eventNames(context, day, reason, seen))
    if (only.length === 0) throw reason
    const all = { ...day, only }
    return halves(all) ?? [all]
  }
}

/**
 * The names of a day's events, seen or listed. If the list may be incomplete, a warning says so.
 * @throws MixloadError with the code of `reason` if the list cannot be read.
 */
async function eventNames(
  context: StreamContext,
  day: Slice,
  reason: MixloadError,
  seen: Iterable<string>,
): Promise<readonly string[]> {
  try {
    const listed = await context.ask(eventNamesRequest(day), eventNamesIn)
    if (listed.length >= EVENT_NAMES_MAX) {
      const message = `${sliceName(day)}: Mixpanel lists at most ${EVENT_NAMES_MAX} event names. Events with other names could be missing.`
      context.onProgress({ kind: 'warning', message })
    }
    return [...new Set([...seen, ...listed])].sort()
  } catch (error) {
    if (!(error instanceof MixloadError) || error.code === 'CREDENTIALS_REFUSED') throw error
    const unlisted = "To request less than the day, Mixpanel's list of event names is needed, and it cannot be read"
    throw new MixloadError(reason.code, `${reason.message} ${unlisted}: ${error.message}`, { cause: error })
  }
}

/** Lists the names of the events of some days: at most {@link EVENT_NAMES_MAX} of them. */
export function eventNamesRequest({ firstDay, lastDay }: Pick<Slice, 'firstDay' | 'lastDay'>): ApiRequest {
  return {
    family: 'app',
    path: '/api/query/events/names',
    query: { type: 'general', limit: String(EVENT_NAMES_MAX), from_date: firstDay, to_date: lastDay },
  }
}

/** The names in the response to {@link eventNamesRequest}. @throws MixloadError BODY_UNREADABLE */
export function eventNamesIn(body: Buffer): readonly string[] {
  const listed = parseAnswer(body, 'The list of event names')
  if (!Array.isArray(listed)) throw new MixloadError('BODY_UNREADABLE', 'Expected a JSON array of event names.')
  return listed.filter((name) => typeof name === 'string')
}
