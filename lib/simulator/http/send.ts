import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGzip } from 'node:zlib'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Fault } from '../faults/faults.ts'
import { spoilt } from './fault-reply.ts'
import type { Reply, SimulatorContext } from './reply.ts'

/** Mixpanel packs export bodies above this size. */
const COMPRESSION_FROM_BYTES = 1400

const GZIP_CHUNK_BYTES = 128 * 1024

/**
 * Answers a request: faults of the body, then compression, then faults of the wire. It writes to Node's own response,
 * because only there a body can stop at a given byte.
 */
export async function send(context: SimulatorContext, reply: Reply): Promise<Response> {
  const { incoming, outgoing } = context.env
  const fault = context.get('fault')
  const gone = new AbortController()
  outgoing.once('close', () => gone.abort())
  // Writing to a client that has just left is an error event, which nobody else listens to.
  outgoing.on('error', () => gone.abort())
  try {
    const packed = await packedReply(fault === undefined ? reply : spoilt(reply, fault), acceptsGzip(context))
    context.get('entry').status = packed.status
    outgoing.writeHead(packed.status, packed.headers)
    await sendBody(outgoing, packed.body, fault, gone.signal)
  } catch (error) {
    // The client has left; nobody is there to be told.
    if (gone.signal.aborted) return RESPONSE_ALREADY_SENT
    if (!outgoing.headersSent) throw error
    // The status is out already, so the failure can only show as a body that breaks off.
    incoming.socket.destroy()
  }
  return RESPONSE_ALREADY_SENT
}

/** Drops the connection so that the client sees a reset. */
export function reset(context: SimulatorContext): Response {
  context.env.incoming.socket.resetAndDestroy()
  return RESPONSE_ALREADY_SENT
}

/** Waits, but no longer than the client does. */
export async function wait(context: SimulatorContext, ms: number): Promise<void> {
  const gone = new AbortController()
  const leave = () => gone.abort()
  context.env.outgoing.once('close', leave)
  try {
    await sleep(ms, undefined, { signal: gone.signal })
  } catch (error) {
    // A client that left is noticed again when its answer is sent.
    if (!gone.signal.aborted) throw error
  } finally {
    context.env.outgoing.off('close', leave)
  }
}

function acceptsGzip(context: SimulatorContext): boolean {
  const header = context.req.header('accept-encoding') ?? ''
  return header.split(',').some((coding) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(coding))
}

async function packedReply(reply: Reply, acceptsGzip: boolean): Promise<Reply> {
  const { body } = reply
  if (reply.mayCompress !== true || !acceptsGzip || typeof body === 'string' || Buffer.isBuffer(body)) return reply
  const { isLong, all } = await peek(body)
  if (!isLong) return { ...reply, body: all }
  return { ...reply, headers: { ...reply.headers, 'Content-Encoding': 'gzip' }, body: gzipped(all) }
}

/** Reads as far as it takes to know whether a body is worth packing; `all` is the body from its first byte. */
async function peek(body: AsyncIterable<Buffer>): Promise<{ isLong: boolean; all: AsyncIterable<Buffer> }> {
  const iterator = body[Symbol.asyncIterator]()
  const first: Buffer[] = []
  let bytes = 0
  while (bytes <= COMPRESSION_FROM_BYTES) {
    const { done, value } = await iterator.next()
    if (done === true) break
    first.push(value)
    bytes += value.length
  }
  const all = (async function* () {
    try {
      yield* first
      for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) yield step.value
    } finally {
      await iterator.return?.()
    }
  })()
  return { isLong: bytes > COMPRESSION_FROM_BYTES, all }
}

async function* gzipped(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  // The fastest level: a simulator's client should wait for itself, not for this.
  const gzip = createGzip({ level: 1, chunkSize: GZIP_CHUNK_BYTES })
  // A failure of the body destroys the packer, and so it is thrown below.
  const feeding = pipeline(body, gzip).catch(() => {})
  yield* gzip
  await feeding
}

async function sendBody(
  outgoing: ServerResponse,
  body: Reply['body'],
  fault: Fault | undefined,
  signal: AbortSignal,
): Promise<void> {
  const stop = fault?.kind === 'cut' || fault?.kind === 'stall' ? fault : undefined
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    if (stop === undefined) outgoing.end(body)
    else await sendStopping(outgoing, [Buffer.from(body)], stop, signal)
  } else await sendStopping(outgoing, body, stop, signal)
}

async function sendStopping(
  outgoing: ServerResponse,
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
  stop: (Fault & { kind: 'cut' | 'stall' }) | undefined,
  signal: AbortSignal,
): Promise<void> {
  let untilStop = stop?.atByte ?? Number.POSITIVE_INFINITY
  for await (let chunk of body) {
    if (chunk.length >= untilStop) {
      await write(outgoing, chunk.subarray(0, untilStop), signal)
      chunk = chunk.subarray(untilStop)
      untilStop = Number.POSITIVE_INFINITY
      if (stop?.kind === 'cut') return hangUp(outgoing)
      if (stop?.kind === 'stall') await stall(outgoing, stop.ms, signal)
    }
    await write(outgoing, chunk, signal)
    untilStop -= chunk.length
  }
  if (stop?.kind === 'cut') hangUp(outgoing)
  else outgoing.end()
}

async function write(outgoing: ServerResponse, chunk: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (chunk.length > 0 && !outgoing.write(chunk)) await once(outgoing, 'drain', { signal })
}

async function stall(outgoing: ServerResponse, ms: number, signal: AbortSignal): Promise<void> {
  outgoing.flushHeaders()
  await sleep(ms, undefined, { signal })
}

/** Ends the connection once what was written is on its way, without the chunk that ends a body. */
function hangUp(outgoing: ServerResponse): void {
  outgoing.flushHeaders()
  outgoing.socket?.destroySoon()
}
