import { gzipSync } from 'node:zlib'
import type { Fault } from '../faults/faults.ts'
import { paymentRequired } from './plan.ts'
import { queryError, type RateLimitText, type Reply, rateLimited, type SimulatorContext, textReply } from './reply.ts'

const NEWLINE = 0x0a

/** The answer that a fault gives in the route's place; undefined where the route answers and the fault acts later. */
export function replacement(context: SimulatorContext, fault: Fault, rate: RateLimitText): Reply | undefined {
  switch (fault.kind) {
    case 'rate-limit':
      return rateLimited(context, rate, fault.retryAfter)
    case 'timeout':
      return queryError(context, 400, 'Timeout Error.')
    case 'payment':
      return paymentRequired(context)
    case 'status':
      return textReply(fault.status, fault.body ?? '')
    case 'body': {
      const headers: Record<string, string> = { 'Content-Type': fault.contentType ?? 'text/plain; charset=utf-8' }
      if (fault.keepEncodingHeader ?? fault.gzip) headers['Content-Encoding'] = 'gzip'
      const body = fault.gzip === true ? gzipSync(fault.body) : fault.body
      return { status: fault.status ?? 200, headers, body }
    }
    default:
      return undefined
  }
}

/** A 200 whose body a fault spoils before it is packed. Other replies stay as they are. */
export function spoilt(reply: Reply, fault: Fault): Reply {
  if (reply.status !== 200) return reply
  const body = typeof reply.body === 'string' || Buffer.isBuffer(reply.body) ? whole(reply.body) : reply.body
  switch (fault.kind) {
    case 'cut-clean':
      return { ...reply, body: firstBytes(body, fault.atByte) }
    case 'terminated-early':
      return { ...reply, body: firstLines(body, fault.afterLines, `${fault.text ?? 'terminated early'}\n`) }
    case 'error-json':
      return { ...reply, body: firstLines(body, fault.afterLines, fault.text ?? '{"error":') }
    default:
      return reply
  }
}

async function* whole(body: string | Buffer): AsyncGenerator<Buffer> {
  yield Buffer.from(body)
}

async function* firstBytes(body: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count
  for await (const chunk of body) {
    if (left > 0) yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) return
  }
}

async function* firstLines(
  body: AsyncIterable<Buffer>,
  count: number | undefined,
  ending: string,
): AsyncGenerator<Buffer> {
  let left = count ?? Number.POSITIVE_INFINITY
  for await (const chunk of body) {
    if (left === 0) break
    const end = count === undefined ? chunk.length : afterLines(chunk, left)
    yield chunk.subarray(0, end)
    left -= count === undefined ? 0 : linesIn(chunk, end)
  }
  yield Buffer.from(ending)
}

/** The position after so many lines of a chunk, or its end. */
function afterLines(chunk: Buffer, count: number): number {
  let at = 0
  for (let line = 0; line < count; line++) {
    const end = chunk.indexOf(NEWLINE, at)
    if (end < 0) return chunk.length
    at = end + 1
  }
  return at
}

function linesIn(chunk: Buffer, end: number): number {
  let lines = 0
  for (let at = chunk.indexOf(NEWLINE); at >= 0 && at < end; at = chunk.indexOf(NEWLINE, at + 1)) lines++
  return lines
}
