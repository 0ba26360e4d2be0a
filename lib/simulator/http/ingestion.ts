import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { parseJsonBody, parseLines, type ReceivedRecord } from '../stores/received-records.ts'
import { jsonReply, type Reply, type Route, RouteError, type SimulatorContext, textReply } from './reply.ts'

const decompress = promisify(gunzip)

/** The most records in one request. */
export const RECORDS_MAX = 2000

/** The error for a body without records. */
export const NO_DATA = 'data, missing or empty'

/** A GIF of one pixel, for pages without scripts. */
const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')

/** Bodies are large: a few large blocks are faster than many small ones. */
const DECOMPRESSED_BLOCK_BYTES = 512 * 1024

/** Reads and decompresses the body of a request, up to `limit` bytes. */
export async function readBody(context: SimulatorContext, limit: number): Promise<Buffer | 'too-large' | 'not-gzip'> {
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
    return await decompress(body, { maxOutputLength: limit, chunkSize: DECOMPRESSED_BLOCK_BYTES })
  } catch (error) {
    return error instanceof RangeError ? 'too-large' : 'not-gzip'
  }
}

/** Returns a route that reports a RouteError in the requested form, always with status 200. */
export function ingestRoute(answer: (context: SimulatorContext) => Promise<void>): Route {
  return async (context) => {
    try {
      await answer(context)
      return ingestReply(context, undefined)
    } catch (error) {
      if (error instanceof RouteError) return ingestReply(context, error.message)
      throw error
    }
  }
}

function ingestReply(context: SimulatorContext, error: string | undefined): Reply {
  const { verbose, img, callback } = context.req.query()
  const status = error === undefined ? 1 : 0
  if (img === '1') return { status: 200, headers: { 'Content-Type': 'image/gif' }, body: PIXEL }
  if (callback !== undefined) {
    return { status: 200, headers: { 'Content-Type': 'text/javascript' }, body: `${callback}(${status});` }
  }
  if (verbose === '1' || verbose === '2') return jsonReply(200, { status, error: error ?? null })
  return textReply(200, String(status))
}

/**
 * Returns the records of a body of /track, /engage or /groups: JSON, lines of JSON, or the field
 * `data` of a form or of the query, which has JSON or its Base64.
 */
export function parseRecords(context: SimulatorContext, body: unknown, unit: string): ReceivedRecord[] {
  const records = Buffer.isBuffer(body) ? parseBody(context, body) : []
  if (records.length === 0) throw new RouteError(NO_DATA)
  if (records.length > RECORDS_MAX) throw new RouteError(`request exceeds max limit of ${RECORDS_MAX} ${unit}`)
  return records
}

function parseBody(context: SimulatorContext, body: Buffer): ReceivedRecord[] {
  const type = context.req.header('content-type') ?? ''
  try {
    if (context.req.method === 'GET') return parseDataField(new URL(context.req.url).search.slice(1))
    if (type.startsWith('application/x-www-form-urlencoded')) return parseDataField(body.toString())
    if (type.includes('ndjson')) return parseLines(body)
    // The content type is not always correct.
    return body.toString('latin1', 0, 5) === 'data=' ? parseDataField(body.toString()) : parseJsonBody(body)
  } catch {
    return []
  }
}

function parseDataField(form: string): ReceivedRecord[] {
  const field = form.split('&').find((part) => part.startsWith('data='))
  if (field === undefined) return []
  // SDKs send Base64 unescaped, although `+` means a space in a form.
  const data = decodeURIComponent(field.slice('data='.length))
  if (/^\s*[[{]/.test(data)) return parseJsonBody(Buffer.from(data))
  const spaced = data.replaceAll('+', ' ')
  if (/^\s*[[{]/.test(spaced)) return parseJsonBody(Buffer.from(spaced))
  return parseJsonBody(Buffer.from(data.replaceAll(' ', '+'), 'base64'))
}
