import { parseRecords, RECORDS_MAX, readBody } from '../http/ingest-body.ts'
import { ingestReply, NO_DATA } from '../http/ingest-reply.ts'
import type { Route } from '../http/reply.ts'
import { MS_PER_DAY } from '../stores/clock.ts'
import { EventEnricher } from '../stores/event-enricher.ts'
import { toUtcMs } from '../stores/event-line.ts'
import { isObject, shapeViolation } from '../stores/import-rules.ts'
import type { ReceivedRecord } from '../stores/received-records.ts'
import type { Project } from './project.ts'

/** Older events are dropped. */
const AGE_MS_MAX = 5 * MS_PER_DAY

interface TrackedEvent {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/**
 * `POST` and `GET /track`: stores the well-formed events of this project from the last five days,
 * and returns 1 if at least one is well-formed. It does not report which events it drops.
 */
export function trackRoute(project: Project): Route {
  const enricher = new EventEnricher()
  return async (context) => {
    const body = await readBody(context, project.importBytesMax)
    if (body === 'too-large') {
      return ingestReply(context, `request exceeds max limit of ${project.importBytesMax} bytes`)
    }
    const records = body === 'not-gzip' ? undefined : parseRecords(context, body)
    if (records === undefined || records.length === 0) return ingestReply(context, NO_DATA)
    if (records.length > RECORDS_MAX) return ingestReply(context, `request exceeds max limit of ${RECORDS_MAX} events`)
    const wellFormed = records.filter(isWellFormed)
    if (wellFormed.length === 0) return ingestReply(context, 'no event of this request is well-formed')
    const now = project.clock.now()
    const kept = wellFormed.filter(({ value }) => isKept(value, project.credentials.token, now))
    const events = kept.map(({ value: { event, properties }, line }) => {
      const ids = Object.entries(project.identity.linkIds(event, properties, now))
      const added = Object.fromEntries(ids.map(([name, id]) => [name, JSON.stringify(id)]))
      return enricher.enrich(event, line, now, added)
    })
    await project.store.addEnriched(events)
    return ingestReply(context, undefined)
  }
}

function isWellFormed(record: ReceivedRecord): record is ReceivedRecord & { readonly value: TrackedEvent } {
  const { value } = record
  if (!isObject(value) || typeof value.event !== 'string' || value.event.trim() === '') return false
  return isObject(value.properties) && typeof value.properties.token === 'string'
}

function isKept({ properties }: TrackedEvent, token: string, now: number): boolean {
  const { time } = properties
  const utcMs = typeof time === 'number' ? toUtcMs(time) : now
  const isRecent = !Number.isNaN(utcMs) && utcMs >= now - AGE_MS_MAX
  return properties.token === token && properties.$ignore === undefined && isRecent && !shapeViolation(properties)
}
