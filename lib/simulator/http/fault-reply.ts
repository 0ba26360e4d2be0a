import { gzipSync } from 'node:zlib'
import type { Fault } from '../faults/faults.ts'
import { refusalText } from './plan-refusal.ts'
import { errorReply, queryError, type Reply, RouteError, type SimulatorContext, textReply } from './reply.ts'

const NEWLINE = 0x0a

type Body = AsyncIterable<Buffer> | Iterable<Buffer>

/** Returns the response of a fault; undefined if the fault changes the route's response. */
export function faultReply(context: SimulatorContext, fault: Fault): Reply | undefined {
  switch (fault.kind) {
    case 'timeout':
      return queryError(context, 400, 'Timeout Error.')
    case 'payment':
      return errorReply(context, new RouteError(refusalText(402, context), 402))
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

/** Applies a fault to the uncompressed body of a 200. Other responses are returned unchanged. */
export function withBodyFault(reply: Reply, fault: Fault): Reply {
  if (reply.status !== 200) return reply
  const body = typeof reply.body === 'string' || Buffer.isBuffer(reply.body) ? [Buffer.from(reply.body)] : reply.body
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

async function* firstBytes(body: Body, count: number): AsyncGenerator<Buffer> {
  let left = count
  for await (const chunk of body) {
    if (left > 0) yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) return
  }
}

/** Yields the first lines, or all lines if `count` is undefined, and then the ending. */
async function* firstLines(body: Body, count: number | undefined, ending: string): AsyncGenerator<Buffer> {
  let left = count ?? Number.POSITIVE_INFINITY
  for await (const chunk of body) {
    let end = 0
    while (left > 0 && end < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, end)
      end = newline < 0 ? chunk.length : newline + 1
      if (newline >= 0) left--
    }
    yield chunk.subarray(0, end)
    if (left === 0) break
  }
  yield Buffer.from(ending)
}
