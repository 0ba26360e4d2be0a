import { isObject } from '../../core/json.ts'
import { DAY_MS } from '../../time/days.ts'
import { ingestRoute, parseRecords, readBody } from '../http/ingestion.ts'
import { type Route, RouteError } from '../http/reply.ts'
import { EventEnricher } from '../stores/event-enricher.ts'
import { toUtcMs } from '../stores/event-line.ts'
import { shapeViolation } from '../stores/import-rules.ts'
import type { EventRecord, ReceivedRecord } from '../stores/received-records.ts'
import type { Project } from './project.ts'

/** Older events are dropped. */
const AGE_MS_MAX = 5 * DAY_MS

/** `POST` and `GET /track`: stores recent events. It does not report which events it drops. */
export function trackRoute(project: Project): Route {
  const enricher = new EventEnricher()
  return ingestRoute(async (context) => {
    const { importBytesMax, credentials, identity } = project
    const body = await readBody(context, importBytesMax)
    if (body === 'too-large') throw new RouteError(`request exceeds max limit of ${importBytesMax} bytes`)
    const wellFormed = parseRecords(context, body, 'events').filter(isWellFormed)
    if (wellFormed.length === 0) throw new RouteError('no event of this request is well-formed')
    const now = project.clock.now()
    const kept = wellFormed.filter(({ value }) => isKept(value, credentials.token, now))
    const events = kept.map(({ value: { event, properties }, line }) =>
      enricher.enrich(event, line, now, identity.linkIds(event, properties, now)),
    )
    await project.store.addEnriched(events)
  })
}

function isWellFormed(record: ReceivedRecord): record is ReceivedRecord & { readonly value: EventRecord } {
  const { value } = record
  if (!isObject(value) || typeof value.event !== 'string' || value.event.trim() === '') return false
  return isObject(value.properties) && typeof value.properties.token === 'string'
}

function isKept({ properties }: EventRecord, token: string, now: number): boolean {
  const { time } = properties
  const utcMs = typeof time === 'number' ? toUtcMs(time) : now
  const isRecent = !Number.isNaN(utcMs) && utcMs >= now - AGE_MS_MAX
  return properties.token === token && properties.$ignore === undefined && isRecent && !shapeViolation(properties)
}
