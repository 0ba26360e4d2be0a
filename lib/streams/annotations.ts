import { fixed, LOAD_COLUMNS } from '../columns/catalogue.ts'
import { RECORD_LINES, type StreamTable } from '../columns/table.ts'
import { isFailure } from '../core/errors.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { Settings } from '../settings.ts'
import { addDays, type Day, dayInZone } from '../time/days.ts'
import { momentIn } from '../time/local-moment.ts'
import { batchOf, type JsonObject, objectsOf, parseAnswer, withIntegers } from './answer.ts'
import type { Stream, StreamContext } from './stream.ts'

const ANNOTATIONS: StreamTable = {
  name: 'annotations',
  columns: [
    // Several annotations may have the same date, so the date cannot be the key.
    fixed('id', 'bigint', 'Id of the annotation', 'id'),
    fixed('date', 'timestamptz', 'The moment that is annotated, UTC', 'date'),
    fixed('date_text', 'text', 'The same as Mixpanel writes it', 'date_text'),
    fixed('description', 'text', 'What it says', 'description'),
    fixed('user', 'json', 'Who made it', 'user'),
    fixed('tags', 'json', 'Its tags', 'tags'),
    fixed('project_id', 'bigint', 'Id of the project', 'project_id'),
    ...LOAD_COLUMNS,
  ],
  lines: RECORD_LINES,
  key: ['id'],
  properties: {},
  isSelective: false,
}

/** Older than any project. */
const FIRST_DAY = '2000-01-01'

/** Annotations may lie in the future. */
const DAYS_AHEAD = 3660

/**
 * All annotations, read whole each time: Mixpanel does not report changes or deletions. A service
 * account uses the documented API; a project secret only works with its predecessor.
 */
export const ANNOTATIONS_STREAM: Stream = {
  name: 'annotations',
  tables: [ANNOTATIONS],
  replication: 'full-table',
  family: 'app',
  probe: (settings) => {
    const request = currentRequest(settings)
    return request === undefined ? undefined : { name: 'annotations', request }
  },
  async *read(context, _, signal) {
    const { settings, zone } = context
    const today = dayInZone(Date.now(), zone)
    const current = currentRequest(settings)
    const annotations =
      current === undefined
        ? await requestOld(context, today, signal)
        : await context.ask(current, (body) => annotationsIn(body, 'results'), signal)
    yield batchOf(
      'annotations',
      annotations.map((annotation) => annotationRecord(annotation, zone)),
    )
  },
}

/**
 * The documented API; undefined for a project secret. It has no filters, because it is unclear
 * which ones Mixpanel applies.
 */
export function currentRequest({ serviceAccount, projectId }: Settings): ApiRequest | undefined {
  if (serviceAccount === undefined || projectId === undefined) return undefined
  return { family: 'app', path: `/api/app/projects/${projectId}/annotations`, query: {} }
}

function annotationsIn(body: Buffer, member: string): readonly JsonObject[] {
  const what = 'The list of annotations'
  return objectsOf(parseAnswer(body, what), member, what).map((item) => withIntegers(item, ['id', 'project_id']))
}

async function requestOld({ ask }: StreamContext, today: Day, signal: AbortSignal): Promise<readonly JsonObject[]> {
  const read = (body: Buffer) => annotationsIn(body, 'annotations')
  const request = (lastDay: Day): ApiRequest => ({
    family: 'app',
    path: '/api/2.0/annotations',
    query: { from_date: FIRST_DAY, to_date: lastDay },
  })
  try {
    return await ask(request(addDays(today, DAYS_AHEAD)), read, signal)
  } catch (error) {
    if (!isFailure(error, 'DAY_IN_FUTURE')) throw error
    return ask(request(today), read, signal)
  }
}

/** An annotation with its moment. A date without an offset is in the project's time zone. */
export function annotationRecord(annotation: JsonObject, zone: string): JsonObject {
  const { date } = annotation
  const moment = typeof date === 'string' ? momentIn(date, zone) : undefined
  return { ...annotation, date: moment === undefined ? null : new Date(moment).toISOString(), date_text: date ?? null }
}
