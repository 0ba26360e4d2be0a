import { isUtf8 } from 'node:buffer'
import { callerOf } from '../http/auth.ts'
import { RECORDS_MAX, readBody } from '../http/ingest-body.ts'
import { jsonReply, type Reply, type Route, type SimulatorContext } from '../http/reply.ts'
import { type EnrichedEvent, EventEnricher } from '../stores/event-enricher.ts'
import { isIdentityEvent } from '../stores/identity.ts'
import { firstViolation, isObject, type Violation } from '../stores/import-rules.ts'
import { parseJsonBody, parseLines, type ReceivedRecord } from '../stores/received-records.ts'
import type { Project } from './project.ts'

/** Mixpanel's limit for a body. Its documentation also says 10 MB. */
export const IMPORT_BYTES_MAX = 2_097_152

/** The response to a batch with an identity event in a simplified project. */
const NO_IDENTITY_EVENTS = 'identity events are not allowed when project is using simplified identity management'

/** `POST /import`: stores the valid events of a batch, and names the others. */
export function importRoute(project: Project): Route {
  const enricher = new EventEnricher()
  return async (context) => {
    const unauthorized = unauthorizedReply(context, project)
    if (unauthorized !== undefined) return unauthorized
    const limit = project.importBytesMax
    const body = await readBody(context, limit)
    if (body === 'too-large')
      return importError(413, `request exceeds max limit of ${limit} bytes`, 'Request Entity Too Large')
    if (body === 'not-gzip') return importError(400, 'request body is not valid gzip', 'Bad Request')
    const now = project.clock.now()
    // In a simplified project, every event can link ids and must be parsed.
    const parseFast = (line: Buffer) =>
      project.identity.mode === 'original' && isUtf8(line)
        ? enricher.enrichIfValid(line, now, { $import: 'true' })
        : undefined
    const records = parseBody(body, context.req.header('content-type'), parseFast)
    if (records === undefined) return importError(400, 'request body is not valid JSON', 'Bad Request')
    if (records.length === 0 || (records.length === 1 && isEmptyObject(records[0]))) {
      return jsonReply(200, { error: 'data, missing or empty', status: 0 })
    }
    if (records.length > RECORDS_MAX) {
      return importError(413, `request exceeds max limit of ${RECORDS_MAX} events`, 'Request Entity Too Large')
    }
    return await importRecords(project, enricher, records, now, context.req.query('strict') !== '0')
  }
}

/** Returns the error for a caller who may not import, in the words that Mixpanel uses for it. */
function unauthorizedReply(context: SimulatorContext, { credentials }: Project): Reply | undefined {
  const projectId = context.req.query('project_id')
  const caller = callerOf(context.req.header('authorization'), credentials)
  if (caller === 'service-account' && projectId === undefined) {
    const error =
      'Unauthorized, invalid project secret. See docs for more information: https://developer.mixpanel.com/reference/authentication#project-secret'
    return importError(401, error, 'Unauthorized')
  }
  const isKnown = caller !== 'unknown' && (projectId === undefined || projectId === credentials.projectId)
  return isKnown ? undefined : importError(401, 'Invalid credentials', 'Unauthorized')
}

interface ValidEvent {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** A record to check, or an event that is already known to be valid. */
type ParsedRecord = ReceivedRecord | EnrichedEvent

/** Returns undefined if the body is not JSON. */
function parseBody(
  body: Buffer,
  contentType: string | undefined,
  parseFast: (line: Buffer) => EnrichedEvent | undefined,
): ParsedRecord[] | undefined {
  if (body.length === 0) return []
  try {
    return contentType?.includes('ndjson') === true ? parseLines(body, parseFast) : parseJsonBody(body)
  } catch {
    return undefined
  }
}

async function importRecords(
  project: Project,
  enricher: EventEnricher,
  records: readonly ParsedRecord[],
  now: number,
  strict: boolean,
): Promise<Reply> {
  if (project.identity.mode === 'simplified' && records.some(hasIdentityEvent)) {
    return failedReply(0, [NO_IDENTITY_EVENTS])
  }
  const events: EnrichedEvent[] = []
  const failed: object[] = []
  for (const [index, record] of records.entries()) {
    if ('utcMs' in record) {
      events.push(record)
      continue
    }
    const { value, line } = record
    const violation = firstViolation(value, line.length - 1, strict, now) ?? utf8Violation(value, line)
    if (violation === undefined) events.push(enrichValid(project, enricher, value, line, now))
    else failed.push(failedRecord(index, value, violation))
  }
  const { stored } = await project.store.addEnriched(events)
  // Without strict, Mixpanel does not report what it drops.
  if (failed.length === 0 || !strict) return jsonReply(200, { code: 200, num_records_imported: stored, status: 'OK' })
  return failedReply(stored, failed)
}

/** Returns the first property of a valid event that is not UTF-8. */
function utf8Violation(value: unknown, line: Buffer): Violation | undefined {
  if (isUtf8(line)) return undefined
  const { properties } = value as ValidEvent
  // Parsing has replaced the invalid bytes by this character.
  const name = Object.keys(properties).find((name) => JSON.stringify([name, properties[name]]).includes('\ufffd'))
  const field = name === undefined ? 'event' : `properties.${name}`
  return { field, message: `${field} is invalid: string should be valid utf8` }
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

function failedRecord(index: number, value: unknown, { field, message }: Violation): object {
  const properties = isObject(value) && isObject(value.properties) ? value.properties : {}
  const id = properties.$insert_id
  return { index, insert_id: typeof id === 'string' ? id : '', field, message }
}

function enrichValid(
  project: Project,
  enricher: EventEnricher,
  value: unknown,
  line: Buffer,
  now: number,
): EnrichedEvent {
  const { event, properties } = value as ValidEvent
  const ids = Object.entries(project.identity.linkIds(event, properties, now))
  const added = Object.fromEntries(ids.map(([name, id]) => [name, JSON.stringify(id)]))
  return enricher.enrich(event, line, now, { $import: 'true', ...added })
}

function hasIdentityEvent(record: ParsedRecord): boolean {
  if ('utcMs' in record || !isObject(record.value)) return false
  return typeof record.value.event === 'string' && isIdentityEvent(record.value.event)
}

function importError(code: number, error: string, status: string): Reply {
  return jsonReply(code, { code, error, status })
}

function isEmptyObject(record: ParsedRecord | undefined): boolean {
  return record !== undefined && 'value' in record && isObject(record.value) && Object.keys(record.value).length === 0
}
