import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { gzipSync } from 'node:zlib'

/** A request as it came in. */
export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * The day of an export request, and how many requests for the same days and events came before
   * it.
   */
  readonly day: string
  readonly before: number
}

/**
 * What the server does with a connection, one step after the other; after the last one it takes the
 * next request.
 */
export type Step =
  | string
  | Buffer
  /** Milliseconds of silence. */
  | { readonly pause: number }
  /** Silence until something has happened. */
  | { readonly until: Promise<unknown> }
  /** FIN or RST. */
  | { readonly close: Closing }
  /** Nothing more, until the client goes away. */
  | { readonly hang: true }

export type Closing = 'end' | 'reset'

export type Script = (request: ReceivedRequest) => readonly Step[]

/**
 * An HTTP server that writes whatever bytes a script says, whether or not that is HTTP. Listens on
 * loopback.
 */
export class FaultServer implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = []
  readonly #server: Server
  readonly #scheme: string
  readonly #sockets = new Set<Socket>()
  readonly #script: Script

  private constructor(script: Script, tls: TlsOptions | undefined) {
    this.#script = script
    this.#scheme = tls === undefined ? 'http' : 'https'
    const take = (socket: Socket) => {
      this.#serve(socket).catch(() => socket.destroy())
    }
    this.#server = tls === undefined ? createServer(take) : createTlsServer(tls, take)
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('tlsClientError', () => {})
  }

  static async start(script: Script, tls?: TlsOptions): Promise<FaultServer> {
    const server = new FaultServer(script, tls)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`
  }

  async #serve(socket: Socket): Promise<void> {
    socket.on('error', () => {})
    for await (const head of headsOf(socket)) {
      const request = this.#note(head)
      for (const step of this.#script(request)) {
        if (socket.destroyed) return
        if (typeof step === 'string' || Buffer.isBuffer(step)) await written(socket, step)
        else if ('pause' in step) await sleep(step.pause)
        else if ('until' in step) await step.until
        else if ('hang' in step) await once(socket, 'close')
        else if (step.close === 'end') socket.end()
        else reset(socket)
      }
    }
  }

  #note(head: string): ReceivedRequest {
    const [first = '', ...lines] = head.split('\r\n')
    const [method = '', target = ''] = first.split(' ')
    const { pathname, searchParams } = new URL(target, 'http://server')
    const day = searchParams.get('from_date') ?? ''
    const same = ({ query }: ReceivedRequest) =>
      ['from_date', 'to_date', 'event'].every((name) => query.get(name) === searchParams.get(name))
    const before = this.requests.filter((earlier) => earlier.path === pathname && same(earlier)).length
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const request = { method, path: pathname, query: searchParams, headers, day, before }
    this.requests.push(request)
    return request
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Heads of requests without body. */
async function* headsOf(socket: Socket): AsyncGenerator<string> {
  let text = ''
  for await (const block of socket) {
    text += (block as Buffer).toString('latin1')
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end)
      text = text.slice(end + 4)
      yield head
    }
  }
}

async function written(socket: Socket, bytes: string | Buffer): Promise<void> {
  await new Promise<void>((resolve) => socket.write(bytes, () => resolve()))
}

/** RST also on a connection with TLS, whose socket does not know how. */
function reset(socket: Socket): void {
  if ('resetAndDestroy' in socket) socket.resetAndDestroy()
  else (socket as Socket).destroy()
}

/** How an answer shows where its body ends. */
const FRAMINGS = ['length', 'chunked', 'close'] as const
type Framing = (typeof FRAMINGS)[number]

export interface Form {
  readonly framing: Framing
  readonly gzip: boolean
  readonly status?: string
  readonly headers?: Readonly<Record<string, string>>
  /**
   * Whether the server says that it will close the connection; it always does where that is the
   * framing.
   */
  readonly close?: boolean
}

/** The head of an answer whose body, as it is sent, has this many bytes. */
export function headOf({ framing, gzip, status = '200 OK', headers = {}, close = false }: Form, bytes: number): string {
  const fields = {
    'content-type': 'text/plain; charset=utf-8',
    ...(gzip ? { 'content-encoding': 'gzip' } : {}),
    ...(framing === 'length' ? { 'content-length': String(bytes) } : {}),
    ...(framing === 'chunked' ? { 'transfer-encoding': 'chunked' } : {}),
    ...(framing === 'close' || close ? { connection: 'close' } : {}),
    ...headers,
  }
  return `HTTP/1.1 ${status}\r\n${Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`
}

const CHUNK_BYTES = 50

/** What goes over the wire for a body: all of it, in chunks where the framing has them. */
export function wireOf({ framing, gzip }: Form, body: string | Buffer): Buffer {
  const content = gzip ? gzipSync(body) : Buffer.from(body)
  return framing === 'chunked' ? chunked(content, CHUNK_BYTES) : content
}

/** Bytes in chunks of HTTP, with the last one. */
export function chunked(bytes: Buffer, chunkBytes: number): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const part = bytes.subarray(at, at + chunkBytes)
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

/** A whole answer. */
export function whole(body: string | Buffer, form: Form): readonly Step[] {
  const wire = wireOf(form, body)
  const end: readonly Step[] = form.framing === 'close' || form.close ? [{ close: 'end' }] : []
  return [headOf(form, wire.length), wire, ...end]
}

/**
 * The first bytes of an answer's body under a head that promises all of it, then the end of the
 * connection.
 */
export function cut(body: string | Buffer, form: Form, bytes: number, close: Closing): readonly Step[] {
  const wire = wireOf(form, body)
  // What is written just before a reset may be lost with it; the client is to see it first.
  const before: readonly Step[] = close === 'reset' ? [{ pause: 5 }] : []
  return [headOf(form, wire.length), wire.subarray(0, bytes), ...before, { close }]
}

/** A whole answer with a status other than 200. */
export function refusal(status: string, body = '', headers: Readonly<Record<string, string>> = {}): readonly Step[] {
  return whole(body, { framing: 'length', gzip: false, status, headers })
}
