import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { parseJsonBody, parseLines, type ReceivedRecord } from '../stores/received-records.ts'
import type { SimulatorContext } from './reply.ts'

const decompress = promisify(gunzip)

/** The most records in one request. */
export const RECORDS_MAX = 2000

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

/**
 * Parses a body of /track, /engage or /groups: JSON, lines of JSON, or the field `data` of a form
 * or of the query, which has JSON or its Base64. Returns undefined if it is none of these.
 */
export function parseRecords(context: SimulatorContext, body: Buffer): ReceivedRecord[] | undefined {
  const type = context.req.header('content-type') ?? ''
  try {
    if (context.req.method === 'GET') return parseDataField(new URL(context.req.url).search.slice(1))
    if (type.startsWith('application/x-www-form-urlencoded')) return parseDataField(body.toString())
    if (type.includes('ndjson')) return parseLines(body)
    // The content type is not always correct.
    return body.toString('latin1', 0, 5) === 'data=' ? parseDataField(body.toString()) : parseJsonBody(body)
  } catch {
    return undefined
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
