import { sentRecords, unpackedBody } from '../http/ingest-body.ts'
import { ingestReply, NO_DATA } from '../http/ingest-reply.ts'
import type { Reply, SimulatorContext } from '../http/reply.ts'
import { MS_PER_DAY } from '../stores/clock.ts'
import { sentMoment } from '../stores/event-line.ts'
import { EventStamp } from '../stores/event-stamp.ts'
import { isObject, shapeViolation } from '../stores/import-rules.ts'
import type { JsonRecord } from '../stores/json-records.ts'
import type { Project } from './project.ts'

/** Older events are not ingested. */
const AGE_MS_MAX = 5 * MS_PER_DAY

const RECORDS_MAX = 2000

interface TrackedEvent {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/**
 * `POST` and `GET /track`: stores the events that are well-formed, of the last five days and of this project, and says 1
 * where at least one is well-formed. Of the others nobody is told.
 */
export function trackRoute(project: Project): (context: SimulatorContext) => Promise<Reply> {
  const stamp = new EventStamp()
  return async (context) => {
    const body = await unpackedBody(context, project.importBytesMax)
    if (body === 'too-large') {
      return ingestReply(context, `request exceeds max limit of ${project.importBytesMax} bytes`)
    }
    const records = body === 'not-gzip' ? undefined : sentRecords(context, body)
    if (records === undefined || records.length === 0) return ingestReply(context, NO_DATA)
    if (records.length > RECORDS_MAX) return ingestReply(context, `request exceeds max limit of ${RECORDS_MAX} events`)
    const formed = records.filter(isWellFormed)
    if (formed.length === 0) return ingestReply(context, 'no event of this request is well-formed')
    const now = project.clock.now()
    const kept = formed.filter(({ value }) => isKept(value, project.credentials.token, now))
    const events = kept.map(({ value, line }) => {
      const { event, properties } = value
      const identity = project.identity.arrive(event, properties, now)
      const put = Object.entries(identity).map(([name, id]) => [name, JSON.stringify(id)])
      return stamp.stamped(event, line, now, Object.fromEntries(put))
    })
    await project.store.addStamped(events)
    return ingestReply(context, undefined)
  }
}

function isWellFormed(record: JsonRecord): record is JsonRecord & { readonly value: TrackedEvent } {
  const { value } = record
  if (!isObject(value) || typeof value.event !== 'string' || value.event.trim() === '') return false
  return isObject(value.properties) && typeof value.properties.token === 'string'
}

function isKept({ properties }: TrackedEvent, token: string, now: number): boolean {
  const { time } = properties
  const utcMs = typeof time === 'number' ? sentMoment(time) : now
  const isRecent = !Number.isNaN(utcMs) && utcMs >= now - AGE_MS_MAX
  return properties.token === token && properties.$ignore === undefined && isRecent && !shapeViolation(properties)
}
