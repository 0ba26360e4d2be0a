import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { LineScanner } from '../infer/scan.ts'
import { callerOf } from './auth.ts'
import { editedLine, type LineEdit, sentMoment, timeNumber } from './event-line.ts'
import { isInFuture, isObject, type Violation, violation } from './import-rules.ts'
import { type JsonRecord, lineRecords, listRecords } from './json-records.ts'
import type { Project } from './project.ts'
import { jsonReply, type Reply, type SimulatorContext } from './reply.ts'

/** Mixpanel's bound for one body; its documentation names 10 MB as well. */
export const IMPORT_BYTES_MAX = 2_097_152

const RECORDS_MAX = 2000

const unpack = promisify(gunzip)

/** `POST /import`: stores what is valid of a batch, and names the rest. */
export function importRoute(project: Project): (context: SimulatorContext) => Promise<Reply> {
  const scanner = new LineScanner()
  return async (context) => {
    const unauthorized = callerRefusal(context, project)
    if (unauthorized !== undefined) return unauthorized
    const limit = project.importBytesMax
    const body = await unpackedBody(context, limit)
    if (body === 'too-large')
      return importError(413, `request exceeds max limit of ${limit} bytes`, 'Request Entity Too Large')
    if (body === 'not-gzip') return importError(400, 'request body is not valid gzip', 'Bad Request')
    const records = recordsOf(body, context.req.header('content-type'))
    if (records === undefined) return importError(400, 'request body is not valid JSON', 'Bad Request')
    if (records.length === 0 || (records.length === 1 && isEmptyObject(records[0]?.value))) {
      return jsonReply(200, { error: 'data, missing or empty', status: 0 })
    }
    if (records.length > RECORDS_MAX) {
      return importError(413, `request exceeds max limit of ${RECORDS_MAX} events`, 'Request Entity Too Large')
    }
    return await imported(project, scanner, records, context.req.query('strict') !== '0')
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

async function unpackedBody(context: SimulatorContext, limit: number): Promise<Buffer | 'too-large' | 'not-gzip'> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of context.req.raw.body ?? []) {
    bytes += chunk.length
    if (bytes > limit) return 'too-large'
    chunks.push(Buffer.from(chunk))
  }
  const body = Buffer.concat(chunks)
  if (context.req.header('content-encoding') !== 'gzip') return body
  try {
    return await unpack(body, { maxOutputLength: limit })
  } catch (error) {
    return error instanceof RangeError ? 'too-large' : 'not-gzip'
  }
}

function recordsOf(body: Buffer, contentType: string | undefined): JsonRecord[] | undefined {
  if (body.length === 0) return []
  try {
    return contentType?.includes('ndjson') === true ? lineRecords(body) : listRecords(body)
  } catch {
    // Not JSON; the caller says so to the sender.
    return undefined
  }
}

async function imported(
  project: Project,
  scanner: LineScanner,
  records: readonly JsonRecord[],
  strict: boolean,
): Promise<Reply> {
  const now = project.clock.now()
  const lines: Buffer[] = []
  const failed: object[] = []
  for (const [index, { value, line }] of records.entries()) {
    const broken = violation({ value, bytes: line.length - 1 }, strict, now)
    if (broken === undefined) lines.push(stamped(scanner, line, now))
    else failed.push(failedRecord(index, value, broken))
  }
  const { stored } = await project.store.add(lines)
  // Without strict, Mixpanel says nothing of what it drops.
  if (failed.length === 0 || !strict) return jsonReply(200, { code: 200, num_records_imported: stored, status: 'OK' })
  return jsonReply(400, {
    code: 400,
    error: 'some data points in the request failed validation',
    status: 'Bad Request',
    num_records_imported: stored,
    failed_records: failed,
  })
}

function failedRecord(index: number, value: unknown, broken: Violation): object {
  const properties = isObject(value) && isObject(value.properties) ? value.properties : {}
  const id = properties.$insert_id
  return { index, insert_id: typeof id === 'string' ? id : '', field: broken.field, message: broken.message }
}

/** The line with the properties that Mixpanel adds; every other byte stays as sent. */
function stamped(scanner: LineScanner, line: Buffer, now: number): Buffer {
  const end = line.length - 1
  scanner.scan(line, 0, end)
  const edits: LineEdit[] = []
  let added = ''
  const put = (name: string, json: string) => {
    const token = tokenOf(scanner, name)
    if (token === undefined) added += `,${JSON.stringify(name)}:${json}`
    else edits.push({ start: scanner.valueStart[token] as number, end: scanner.valueEnd[token] as number, text: json })
  }
  put('$import', 'true')
  put('$mp_api_timestamp_ms', String(now))
  put('mp_processing_time_ms', String(now))
  if (!scanner.hasInsertId) put('$insert_id', JSON.stringify(randomUUID()))
  if (isInFuture(sentMoment(timeNumber(scanner, line)), now)) put('time', String(now))
  // A valid record has a `time`, so there is a last property to add behind.
  const last = scanner.valueEnd[scanner.topLevelFrom - 1] as number
  edits.push({ start: last, end: last, text: added })
  edits.sort((a, b) => a.start - b.start || a.end - b.end)
  return editedLine(line, 0, line.length, edits)
}

/** The last token of a property, which is the one that counts where a name repeats. */
function tokenOf(scanner: LineScanner, name: string): number | undefined {
  for (let token = scanner.topLevelFrom - 1; token >= 0; token--) {
    if (scanner.properties.names[scanner.property[token] as number] === name) return token
  }
  return undefined
}

function importError(code: number, error: string, status: string): Reply {
  return jsonReply(code, { code, error, status })
}

function isEmptyObject(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 0
}
