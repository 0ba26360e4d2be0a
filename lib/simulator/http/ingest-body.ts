import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type JsonRecord, lineRecords, listRecords } from '../stores/json-records.ts'
import type { SimulatorContext } from './reply.ts'

const unpack = promisify(gunzip)

/** Bodies are large, and many small blocks of one cost more than a few large ones. */
const UNPACKED_BLOCK_BYTES = 512 * 1024

/** The body of a request, unpacked, of at most `limit` bytes. */
export async function unpackedBody(
  context: SimulatorContext,
  limit: number,
): Promise<Buffer | 'too-large' | 'not-gzip'> {
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
    return await unpack(body, { maxOutputLength: limit, chunkSize: UNPACKED_BLOCK_BYTES })
  } catch (error) {
    return error instanceof RangeError ? 'too-large' : 'not-gzip'
  }
}

/**
 * The records of a body of /track, /engage or /groups: JSON, lines of it, or the field `data` of a form or of the query,
 * which holds JSON or the base64 of it. Undefined where it is none of these.
 */
export function sentRecords(context: SimulatorContext, body: Buffer): JsonRecord[] | undefined {
  const type = context.req.header('content-type') ?? ''
  try {
    if (context.req.method === 'GET') return dataRecords(new URL(context.req.url).search.slice(1))
    if (type.startsWith('application/x-www-form-urlencoded')) return dataRecords(body.toString())
    if (type.includes('ndjson')) return lineRecords(body)
    // The type of a body is not always said rightly.
    return body.toString('latin1', 0, 5) === 'data=' ? dataRecords(body.toString()) : listRecords(body)
  } catch {
    return undefined
  }
}

function dataRecords(form: string): JsonRecord[] {
  const field = form.split('&').find((part) => part.startsWith('data='))
  if (field === undefined) return []
  // SDKs write base64 as it is, whose `+` would be a space in a form.
  const data = decodeURIComponent(field.slice('data='.length))
  if (/^\s*[[{]/.test(data)) return listRecords(Buffer.from(data))
  const spaced = data.replaceAll('+', ' ')
  if (/^\s*[[{]/.test(spaced)) return listRecords(Buffer.from(spaced))
  return listRecords(Buffer.from(data.replaceAll(' ', '+'), 'base64'))
}
