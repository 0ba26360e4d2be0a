import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGzip } from 'node:zlib'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { byteCount, peek } from '../../core/peek.ts'
import type { Fault } from '../faults/faults.ts'
import { withBodyFault } from './fault-reply.ts'
import type { Reply, SimulatorContext } from './reply.ts'

/** Whether Mixpanel compresses an export body with these first bytes. */
const isLong = (first: readonly Buffer[]) => byteCount(first) > 1400

const GZIP_CHUNK_BYTES = 128 * 1024

/**
 * Sends a response: first faults of the body, then compression, then faults of the connection. It
 * writes to Node's own response, because only there a body can stop at a given byte.
 */
export async function writeReply(context: SimulatorContext, reply: Reply): Promise<Response> {
  const { incoming, outgoing } = context.env
  const fault = context.get('fault')
  const disconnected = disconnection(outgoing)
  try {
    const withFault = fault === undefined ? reply : withBodyFault(reply, fault)
    const { status, headers, body } = await compress(withFault, acceptsGzip(context))
    context.get('entry').status = status
    outgoing.writeHead(status, headers)
    await writeBody(outgoing, body, fault, disconnected)
  } catch (error) {
    // The client has disconnected, so the error cannot be reported.
    if (disconnected.aborted) return RESPONSE_ALREADY_SENT
    if (!outgoing.headersSent) throw error
    // The status is already sent, so the only way to report the failure is to break off the body.
    incoming.socket.destroy()
  }
  return RESPONSE_ALREADY_SENT
}

/** Resets the connection. */
export function resetConnection(context: SimulatorContext): Response {
  context.env.incoming.socket.resetAndDestroy()
  return RESPONSE_ALREADY_SENT
}

/** Waits, until the client disconnects at the latest. */
export async function delay(context: SimulatorContext, ms: number): Promise<void> {
  // The response to a disconnected client is handled in writeReply.
  await sleep(ms, undefined, { signal: disconnection(context.env.outgoing) }).catch(() => {})
}

/** Returns a signal that is aborted when the client disconnects. */
function disconnection(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController()
  outgoing.once('close', () => controller.abort())
  // Writing to a client that has just disconnected emits an error, which must have a listener.
  outgoing.on('error', () => controller.abort())
  return controller.signal
}

function acceptsGzip(context: SimulatorContext): boolean {
  const header = context.req.header('accept-encoding') ?? ''
  return header.split(',').some((coding) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(coding))
}

async function compress(reply: Reply, acceptsGzip: boolean): Promise<Reply> {
  const { body } = reply
  if (reply.mayCompress !== true || !acceptsGzip || typeof body === 'string' || Buffer.isBuffer(body)) return reply
  const { first, all } = await peek(body, isLong)
  if (!isLong(first)) return { ...reply, body: all }
  return { ...reply, headers: { ...reply.headers, 'Content-Encoding': 'gzip' }, body: gzip(all) }
}

function gzip(body: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // The fastest level, so that clients do not wait for the simulator.
  return pipeline(body, createGzip({ level: 1, chunkSize: GZIP_CHUNK_BYTES }), () => {})
}

/** Writes a body. A fault can end it or pause it at a byte. */
async function writeBody(
  outgoing: ServerResponse,
  body: Reply['body'],
  fault: Fault | undefined,
  signal: AbortSignal,
): Promise<void> {
  const stop = fault?.kind === 'cut' || fault?.kind === 'stall' ? fault : undefined
  const isComplete = typeof body === 'string' || Buffer.isBuffer(body)
  if (isComplete && stop === undefined) {
    outgoing.end(body)
    return
  }
  let untilStop = stop?.atByte ?? Number.POSITIVE_INFINITY
  for await (let chunk of isComplete ? [Buffer.from(body)] : body) {
    if (chunk.length >= untilStop) {
      await write(outgoing, chunk.subarray(0, untilStop), signal)
      chunk = chunk.subarray(untilStop)
      untilStop = Number.POSITIVE_INFINITY
      if (stop?.kind === 'cut') return disconnect(outgoing)
      outgoing.flushHeaders()
      if (stop?.kind === 'stall') await sleep(stop.ms, undefined, { signal })
    }
    await write(outgoing, chunk, signal)
    untilStop -= chunk.length
  }
  if (stop?.kind === 'cut') disconnect(outgoing)
  else outgoing.end()
}

async function write(outgoing: ServerResponse, chunk: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (chunk.length > 0 && !outgoing.write(chunk)) await once(outgoing, 'drain', { signal })
}

/** Ends the connection after everything written was sent, without the chunk that ends a body. */
function disconnect(outgoing: ServerResponse): void {
  outgoing.flushHeaders()
  outgoing.socket?.destroySoon()
}
