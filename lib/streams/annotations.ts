import { member } from '../columns/catalogue.ts'
import { recordTable } from '../columns/table.ts'
import { isFailure } from '../core/errors.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import { daysAllowed } from '../mixpanel/response-errors.ts'
import type { Settings } from '../settings.ts'
import { addDays, type Day, dayInZone } from '../time/days.ts'
import { momentIn } from '../time/local-moment.ts'
import { batchOf, type JsonObject } from './answer.ts'
import { askList, type ListForm, type ListItems } from './list-items.ts'
import type { Stream, StreamContext } from './stream.ts'

const ANNOTATIONS = recordTable(
  'annotations',
  ['id'],
  [
    // Several annotations may have the same date, so the date cannot be the key.
    member('id', 'bigint', 'Id of the annotation'),
    member('date', 'timestamptz', 'The moment that is annotated, UTC'),
    member('date_text', 'text', 'The same as Mixpanel writes it'),
    member('description', 'text', 'What it says'),
    member('user', 'json', 'Who made it'),
    member('tags', 'json', 'Its tags'),
    member('project_id', 'bigint', 'Id of the project'),
  ],
)

/** Older than any project. */
const FIRST_DAY = '2000-01-01'

/** Annotations may lie in the future. */
const DAYS_AHEAD = 3660

/** All annotations. Mixpanel does not report changes, so all are read each time. */
export const ANNOTATIONS_STREAM: Stream = {
  name: 'annotations',
  tables: [ANNOTATIONS],
  replication: 'full-table',
  family: 'app',
  probe: (settings) => {
    const request = currentRequest(settings)
    return request === undefined ? undefined : { name: 'annotations', request }
  },
  async *read(context) {
    const current = currentRequest(context.settings)
    const list = await (current === undefined ? requestOld(context) : requestCurrent(context, current))
    list.leftOut.forEach(context.leaveOut)
    yield batchOf(
      'annotations',
      list.items.map((annotation) => annotationRecord(annotation, context.zone)),
    )
  },
}

/** The documented API, without filters; undefined for a project secret. */
function currentRequest({ serviceAccount, projectId }: Settings): ApiRequest | undefined {
  if (serviceAccount === undefined || projectId === undefined) return undefined
  return { family: 'app', path: `/api/app/projects/${projectId}/annotations`, query: {} }
}

/** The list in the documented API, which has another name in the older one. */
const FORM: ListForm = {
  what: 'The list of annotations',
  member: 'results',
  noun: 'Annotation',
  id: 'id',
  integers: ['id', 'project_id'],
}

function requestCurrent(context: StreamContext, request: ApiRequest): Promise<ListItems> {
  return inAllowedRange(context, (span) => {
    const query = span === undefined ? {} : { fromDate: span.firstDay, toDate: span.lastDay }
    return askList(context, { ...request, query }, FORM)
  })
}

function requestOld(context: StreamContext): Promise<ListItems> {
  const today = dayInZone(Date.now(), context.zone)
  const ask = (firstDay: Day, lastDay: Day) => {
    const query = { from_date: firstDay, to_date: lastDay }
    return askList(context, { family: 'app', path: '/api/2.0/annotations', query }, { ...FORM, member: 'annotations' })
  }
  return inAllowedRange(context, async (span) => {
    const firstDay = span?.firstDay ?? FIRST_DAY
    try {
      return await ask(firstDay, span?.lastDay ?? addDays(today, DAYS_AHEAD))
    } catch (error) {
      if (!isFailure(error, 'DAY_IN_FUTURE')) throw error
      return ask(firstDay, today)
    }
  })
}

interface Span {
  readonly firstDay: Day
  readonly lastDay: Day
}

/** Requests all annotations; if Mixpanel refuses days so long ago, those of the days it allows. */
async function inAllowedRange(
  { zone, onProgress }: StreamContext,
  ask: (span?: Span) => Promise<ListItems>,
): Promise<ListItems> {
  try {
    return await ask()
  } catch (error) {
    const days = daysAllowed(error)
    if (days === undefined) throw error
    onProgress({ kind: 'warning', message: `annotations: Mixpanel lists those of the last ${days} days only.` })
    const today = dayInZone(Date.now(), zone)
    return ask({ firstDay: addDays(today, 1 - days), lastDay: addDays(today, DAYS_AHEAD) })
  }
}

/** An annotation with its moment. A date without an offset is in the project's time zone. */
export function annotationRecord(annotation: JsonObject, zone: string): JsonObject {
  const { date } = annotation
  const moment = typeof date === 'string' ? momentIn(date, zone) : undefined
  return { ...annotation, date: moment === undefined ? null : new Date(moment).toISOString(), date_text: date ?? null }
}
