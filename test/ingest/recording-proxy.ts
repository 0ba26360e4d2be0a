import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { request as send } from 'undici'
import type { IngestClient } from '../../lib/ingest/client.ts'
import type { IngestOptions } from '../../lib/ingest/client-options.ts'
import type { SimulatorOptions } from '../../lib/simulator/index.ts'
import { Sending } from './sending.ts'

/** A request as it was sent. */
export interface SentRequest {
  /** The port of the sender, which identifies the connection. */
  readonly port: number | undefined
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  readonly records: readonly Readonly<Record<string, unknown>>[]
}

/** A proxy that records the requests to a server. */
export class RecordingProxy implements AsyncDisposable {
  readonly sent: SentRequest[] = []
  readonly #server: Server

  private constructor(target: string) {
    this.#server = createServer(async (incoming, outgoing) => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk)
      const { method = '', url = '', headers } = incoming
      const body = Buffer.concat(chunks)
      const { pathname, searchParams } = new URL(url, target)
      const records = recordsOf(headers, body)
      this.sent.push({
        port: incoming.socket.remotePort,
        method,
        path: pathname,
        query: Object.fromEntries(searchParams),
        headers,
        records,
      })
      const forwarded = { ...headers }
      for (const name of ['host', 'connection', 'content-length', 'transfer-encoding']) delete forwarded[name]
      const response = await send(`${target}${url}`, {
        method: 'POST',
        headers: forwarded as Record<string, string>,
        body,
      })
      outgoing.writeHead(response.statusCode, { 'content-type': String(response.headers['content-type']) })
      outgoing.end(Buffer.from(await response.body.arrayBuffer()))
    })
  }

  static async start(target: string): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(target)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Returns all records that were sent to a path. */
  records(path: string): readonly Readonly<Record<string, unknown>>[] {
    return this.sent.filter((request) => request.path === path).flatMap(({ records }) => records)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A simulator behind a recording proxy, and clients that send to it. */
export class RecordedSending implements AsyncDisposable {
  readonly sending: Sending
  readonly proxy: RecordingProxy
  readonly #clients: IngestClient[] = []

  private constructor(sending: Sending, proxy: RecordingProxy) {
    this.sending = sending
    this.proxy = proxy
  }

  static async start(options: SimulatorOptions = {}): Promise<RecordedSending> {
    const sending = await Sending.start(options)
    return new RecordedSending(sending, await RecordingProxy.start(sending.simulator.url))
  }

  client(options: Partial<IngestOptions> = {}): IngestClient {
    const client = this.sending.client({ apiUrl: this.proxy.url, ...options })
    this.#clients.push(client)
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close()
    await this.proxy[Symbol.asyncDispose]()
    await this.sending[Symbol.asyncDispose]()
  }
}

function recordsOf(headers: IncomingHttpHeaders, body: Buffer): SentRequest['records'] {
  const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString()
  if (headers['content-type'] !== 'application/x-ndjson') return JSON.parse(text)
  return text.split('\n').map((line) => JSON.parse(line))
}
