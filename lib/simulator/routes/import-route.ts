import { isUtf8 } from 'node:buffer'
import { callerOf } from '../http/auth.ts'
import { unpackedBody } from '../http/ingest-body.ts'
import { jsonReply, type Reply, type SimulatorContext } from '../http/reply.ts'
import { EventStamp, type StampedEvent } from '../stores/event-stamp.ts'
import { isIdentityEvent } from '../stores/identity.ts'
import { isObject, type Violation, violation } from '../stores/import-rules.ts'
import { type JsonRecord, lineRecords, listRecords } from '../stores/json-records.ts'
import type { Project } from './project.ts'

/** Mixpanel's bound for one body; its documentation names 10 MB as well. */
export const IMPORT_BYTES_MAX = 2_097_152

const RECORDS_MAX = 2000

/** The whole answer to a batch that has an identity event in a project that has no such events. */
const NO_IDENTITY_EVENTS = 'identity events are not allowed when project is using simplified identity management'

/** `POST /import`: stores what is valid of a batch, and names the rest. */
export function importRoute(project: Project): (context: SimulatorContext) => Promise<Reply> {
  const stamp = new EventStamp()
  return async (context) => {
    const unauthorized = callerRefusal(context, project)
    if (unauthorized !== undefined) return unauthorized
    const limit = project.importBytesMax
    const body = await unpackedBody(context, limit)
    if (body === 'too-large')
      return importError(413, `request exceeds max limit of ${limit} bytes`, 'Request Entity Too Large')
    if (body === 'not-gzip') return importError(400, 'request body is not valid gzip', 'Bad Request')
    const now = project.clock.now()
    // In a simplified project each event may say who is who.
    const quick = (line: Buffer) =>
      project.identity.variant === 'original' && isUtf8(line) ? stamp.sure(line, now, { $import: 'true' }) : undefined
    const records = recordsOf(body, context.req.header('content-type'), quick)
    if (records === undefined) return importError(400, 'request body is not valid JSON', 'Bad Request')
    if (records.length === 0 || (records.length === 1 && isEmptyRecord(records[0]))) {
      return jsonReply(200, { error: 'data, missing or empty', status: 0 })
    }
    if (records.length > RECORDS_MAX) {
      return importError(413, `request exceeds max limit of ${RECORDS_MAX} events`, 'Request Entity Too Large')
    }
    return await imported(project, stamp, records, now, context.req.query('strict') !== '0')
  }
}

/** The refusal of a sender who may not import, in the words that fit what it sent. */
function callerRefusal(context: SimulatorContext, { credentials }: Project): Reply | undefined {
  const projectId = context.req.query('project_id')
  const caller = callerOf(context.req.header('authorization'), credentials)
  if (caller === 'service-account' && projectId === undefined) {
    const error =
      'Unauthorized, invalid project secret. See docs for more information: https://developer.mixpanel.com/reference/authentication#project-secret'
    return importError(401, error, 'Unauthorized')
  }
  const isKnown = caller !== 'stranger' && (projectId === undefined || projectId === credentials.projectId)
  return isKnown ? undefined : importError(401, 'Invalid credentials', 'Unauthorized')
}

/** What a valid record holds. */
interface TakenEvent {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** A record that has to be looked at, or an event that is known to be taken. */
type Sent = JsonRecord | StampedEvent

function recordsOf(
  body: Buffer,
  contentType: string | undefined,
  quick: (line: Buffer) => StampedEvent | undefined,
): Sent[] | undefined {
  if (body.length === 0) return []
  try {
    return contentType?.includes('ndjson') === true ? lineRecords(body, quick) : listRecords(body)
  } catch {
    // Not JSON; the caller says so to the sender.
    return undefined
  }
}

async function imported(
  project: Project,
  stamp: EventStamp,
  records: readonly Sent[],
  now: number,
  strict: boolean,
): Promise<Reply> {
  if (project.identity.variant === 'simplified' && records.some(saysWhoIsWho)) {
    return failedReply(0, [NO_IDENTITY_EVENTS])
  }
  const events: StampedEvent[] = []
  const failed: object[] = []
  for (const [index, record] of records.entries()) {
    if ('utcMs' in record) {
      events.push(record)
      continue
    }
    const { value, line } = record
    const broken = violation({ value, bytes: line.length - 1 }, strict, now) ?? utf8Violation(value, line)
    if (broken === undefined) events.push(stored(project, stamp, value, line, now))
    else failed.push(failedRecord(index, value, broken))
  }
  const { stored: count } = await project.store.addStamped(events)
  // Without strict, Mixpanel says nothing of what it drops.
  if (failed.length === 0 || !strict) return jsonReply(200, { code: 200, num_records_imported: count, status: 'OK' })
  return failedReply(count, failed)
}

/** The first property of a valid event that has bytes which are no UTF-8. */
function utf8Violation(value: unknown, line: Buffer): Violation | undefined {
  if (isUtf8(line)) return undefined
  const { properties } = value as TakenEvent
  // Reading them has left this mark in their place.
  const name = Object.keys(properties).find((one) => JSON.stringify([one, properties[one]]).includes('\ufffd'))
  return name === undefined
    ? { field: 'event', message: 'event is invalid: string should be valid utf8' }
    : { field: `properties.${name}`, message: `properties.${name} is invalid: string should be valid utf8` }
}

function failedReply(count: number, failed: readonly unknown[]): Reply {
  return jsonReply(400, {
    code: 400,
    error: 'some data points in the request failed validation',
    status: 'Bad Request',
    num_records_imported: count,
    failed_records: failed,
  })
}

function failedRecord(index: number, value: unknown, broken: Violation): object {
  const properties = isObject(value) && isObject(value.properties) ? value.properties : {}
  const id = properties.$insert_id
  return { index, insert_id: typeof id === 'string' ? id : '', field: broken.field, message: broken.message }
}

/** A valid record as it is stored. */
function stored(project: Project, stamp: EventStamp, value: unknown, line: Buffer, now: number): StampedEvent {
  const { event, properties } = value as TakenEvent
  const identity = Object.entries(project.identity.arrive(event, properties, now))
  const ids = Object.fromEntries(identity.map(([name, id]) => [name, JSON.stringify(id)]))
  return stamp.stamped(event, line, now, { $import: 'true', ...ids })
}

function saysWhoIsWho(record: Sent): boolean {
  if ('utcMs' in record || !isObject(record.value)) return false
  return typeof record.value.event === 'string' && isIdentityEvent(record.value.event)
}

function importError(code: number, error: string, status: string): Reply {
  return jsonReply(code, { code, error, status })
}

function isEmptyRecord(record: Sent | undefined): boolean {
  return record !== undefined && 'value' in record && isObject(record.value) && Object.keys(record.value).length === 0
}
