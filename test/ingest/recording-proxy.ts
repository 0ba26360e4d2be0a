import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { request as ask } from 'undici'
import type { IngestClient } from '../../lib/ingest/client.ts'
import type { IngestOptions } from '../../lib/ingest/client-options.ts'
import type { SimulatorOptions } from '../../lib/simulator/index.ts'
import { Sending } from './sending.ts'

/** A request as it went over the wire. */
export interface SentRequest {
  /** The sender's, which tells connections apart. */
  readonly port: number | undefined
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  readonly records: readonly Readonly<Record<string, unknown>>[]
}

/** A server that notes what is sent through it to another one. */
export class RecordingProxy implements AsyncDisposable {
  readonly sent: SentRequest[] = []
  readonly #server: Server

  private constructor(target: string) {
    this.#server = createServer(async (incoming, outgoing) => {
      const parts: Buffer[] = []
      for await (const part of incoming) parts.push(part)
      const { method = '', url = '', headers } = incoming
      const body = Buffer.concat(parts)
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
      const passed = { ...headers }
      for (const name of ['host', 'connection', 'content-length', 'transfer-encoding']) delete passed[name]
      const answer = await ask(`${target}${url}`, { method: 'POST', headers: passed as Record<string, string>, body })
      outgoing.writeHead(answer.statusCode, { 'content-type': String(answer.headers['content-type']) })
      outgoing.end(Buffer.from(await answer.body.arrayBuffer()))
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

  /** All records that were sent to a path. */
  records(path: string): readonly Readonly<Record<string, unknown>>[] {
    return this.sent.filter((one) => one.path === path).flatMap(({ records }) => records)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A simulator behind such a server, and clients that send to it. */
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
