import { member } from '../columns/catalogue.ts'
import { recordTable } from '../columns/table.ts'
import { isFailure } from '../core/errors.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { Settings } from '../settings.ts'
import { addDays, type Day, dayInZone } from '../time/days.ts'
import { momentIn } from '../time/local-moment.ts'
import { batchOf, type JsonObject, objectsOf, parseAnswer, withIntegers } from './answer.ts'
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
    const { settings, zone } = context
    const current = currentRequest(settings)
    const annotations =
      current === undefined
        ? await requestOld(context)
        : await context.ask(current, (body) => annotationsIn(body, 'results'))
    const records = annotations.map((annotation) => annotationRecord(annotation, zone))
    yield batchOf('annotations', records)
  },
}

/** The documented API, without filters; undefined for a project secret. */
function currentRequest({ serviceAccount, projectId }: Settings): ApiRequest | undefined {
  if (serviceAccount === undefined || projectId === undefined) return undefined
  return { family: 'app', path: `/api/app/projects/${projectId}/annotations`, query: {} }
}

function annotationsIn(body: Buffer, member: string): readonly JsonObject[] {
  const what = 'The list of annotations'
  return objectsOf(parseAnswer(body, what), member, what).map((item) => withIntegers(item, ['id', 'project_id']))
}

async function requestOld({ ask, zone }: StreamContext): Promise<readonly JsonObject[]> {
  const today = dayInZone(Date.now(), zone)
  const read = (body: Buffer) => annotationsIn(body, 'annotations')
  const request = (lastDay: Day): ApiRequest => ({
    family: 'app',
    path: '/api/2.0/annotations',
    query: { from_date: FIRST_DAY, to_date: lastDay },
  })
  try {
    return await ask(request(addDays(today, DAYS_AHEAD)), read)
  } catch (error) {
    if (!isFailure(error, 'DAY_IN_FUTURE')) throw error
    return ask(request(today), read)
  }
}

/** An annotation with its moment. A date without an offset is in the project's time zone. */
export function annotationRecord(annotation: JsonObject, zone: string): JsonObject {
  const { date } = annotation
  const moment = typeof date === 'string' ? momentIn(date, zone) : undefined
  return { ...annotation, date: moment === undefined ? null : new Date(moment).toISOString(), date_text: date ?? null }
}
