import { isUtf8 } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import { memberOf } from '../../core/json.ts'
import { callerOf } from '../http/auth.ts'
import { NO_DATA, RECORDS_MAX, readBody } from '../http/ingestion.ts'
import { jsonReply, type Reply, type Route, type SimulatorContext } from '../http/reply.ts'
import { type EnrichedEvent, EventEnricher } from '../stores/event-enricher.ts'
import { isIdentityEvent } from '../stores/identity.ts'
import { firstViolation, type Violation } from '../stores/import-rules.ts'
import { type EventRecord, parseJsonBody, parseLines, type ReceivedRecord } from '../stores/received-records.ts'
import type { Project } from './project.ts'

/** The response to a batch with an identity event in a simplified project. */
const NO_IDENTITY_EVENTS = 'identity events are not allowed when project is using simplified identity management'

const STATUS_TEXTS = { 400: 'Bad Request', 401: 'Unauthorized', 413: 'Request Entity Too Large' } as const

/** A record to check, or an event that is already known to be valid. */
type ParsedRecord = ReceivedRecord | EnrichedEvent

/** `POST /import`: stores the valid events of a batch, and names the others. */
export function importRoute(project: Project): Route {
  const enricher = new EventEnricher()
  return async (context) => {
    const unauthorized = authorizationError(context, project)
    if (unauthorized !== undefined) return importError(401, unauthorized)
    const limit = project.importBytesMax
    const body = await readBody(context, limit)
    if (body === 'too-large') return importError(413, `request exceeds max limit of ${limit} bytes`)
    if (body === 'not-gzip') return importError(400, 'request body is not valid gzip')
    const now = project.clock.now()
    // In a simplified project, every event can link ids and must be parsed.
    const parseFast = (line: Buffer) =>
      project.identity.mode === 'original' && isUtf8(line)
        ? enricher.enrichIfValid(line, now, { $import: 'true' })
        : undefined
    const records = parseBody(body, context.req.header('content-type'), parseFast)
    if (records === undefined) return importError(400, 'request body is not valid JSON')
    if (records.length < 2 && records.every((record) => 'value' in record && isDeepStrictEqual(record.value, {}))) {
      return jsonReply(200, { error: NO_DATA, status: 0 })
    }
    if (records.length > RECORDS_MAX) return importError(413, `request exceeds max limit of ${RECORDS_MAX} events`)
    return await importRecords(project, enricher, records, now, context.req.query('strict') !== '0')
  }
}

/** Returns the error for a caller who may not import, in the words that Mixpanel uses for it. */
function authorizationError(context: SimulatorContext, { credentials }: Project): string | undefined {
  const projectId = context.req.query('project_id')
  const caller = callerOf(context, credentials)
  if (caller === 'service-account' && projectId === undefined) {
    return 'Unauthorized, invalid project secret. See docs for more information: https://developer.mixpanel.com/reference/authentication#project-secret'
  }
  const isKnown = caller !== 'unknown' && (projectId === undefined || projectId === credentials.projectId)
  return isKnown ? undefined : 'Invalid credentials'
}

/** Returns undefined if the body is not JSON. */
function parseBody(
  body: Buffer,
  contentType = '',
  parseFast: (line: Buffer) => EnrichedEvent | undefined,
): ParsedRecord[] | undefined {
  if (body.length === 0) return []
  try {
    return contentType.includes('ndjson') ? parseLines(body, parseFast) : parseJsonBody(body)
  } catch {
    return undefined
  }
}

async function importRecords(
  { identity, store }: Project,
  enricher: EventEnricher,
  records: readonly ParsedRecord[],
  now: number,
  strict: boolean,
): Promise<Reply> {
  if (identity.mode === 'simplified' && records.some(hasIdentityEvent)) return failedReply(0, [NO_IDENTITY_EVENTS])
  const events: EnrichedEvent[] = []
  const failed: object[] = []
  for (const [index, record] of records.entries()) {
    if ('utcMs' in record) {
      events.push(record)
      continue
    }
    const { value, line } = record
    const violation = firstViolation(value, line.length - 1, strict, now) ?? utf8Violation(value, line)
    if (violation !== undefined) {
      const id = memberOf(memberOf(value, 'properties'), '$insert_id')
      failed.push({ index, insert_id: typeof id === 'string' ? id : '', ...violation })
      continue
    }
    const { event, properties } = value as EventRecord
    const ids = identity.linkIds(event, properties, now)
    events.push(enricher.enrich(event, line, now, { $import: 'true', ...ids }))
  }
  const { stored } = await store.addEnriched(events)
  // Without strict, Mixpanel does not report what it drops.
  if (failed.length === 0 || !strict) return jsonReply(200, { code: 200, num_records_imported: stored, status: 'OK' })
  return failedReply(stored, failed)
}

/** Returns the first property of a valid event that is not UTF-8. */
function utf8Violation(value: unknown, line: Buffer): Violation | undefined {
  if (isUtf8(line)) return undefined
  const { properties } = value as EventRecord
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

function hasIdentityEvent(record: ParsedRecord): boolean {
  const event = 'value' in record ? memberOf(record.value, 'event') : undefined
  return typeof event === 'string' && isIdentityEvent(event)
}

function importError(code: keyof typeof STATUS_TEXTS, error: string): Reply {
  return jsonReply(code, { code, error, status: STATUS_TEXTS[code] })
}
