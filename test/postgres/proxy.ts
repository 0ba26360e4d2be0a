import { once } from 'node:events'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'

/** How a connection is to be lost. */
export interface Cut {
  /** At which message of the client from now on, counted over all connections; the first is 1. */
  readonly at: number
  /** Whether messages with rows count, whose number varies. Otherwise only all others do. */
  readonly countsRows?: boolean
  /** Only plain queries that read like this count as messages. */
  readonly query?: string
  /**
   * Whether the server gets that message before the connection goes: not at all, without being
   * waited for, or so that it answers. The client gets no answer.
   */
  readonly when: 'before' | 'during' | 'after'
  /** What else happens then, before the connection goes. */
  readonly meanwhile?: () => Promise<void>
  /**
   * Whether the server is left with its end of the connection, as when a router in between forgets
   * it.
   */
  readonly leavesServer?: boolean
}

/**
 * A message without an answer is followed by the cut so soon; one with an answer, after that, or so
 * late.
 */
const QUIET_MS = 20
const ANSWER_MS = 60_000
const COPY_DATA = 'd'
const READY_FOR_QUERY = 'Z'
const COPY_IN = 'G'

/**
 * A proxy between clients and a Postgres server. It knows where messages begin and end, and loses
 * connections on demand.
 */
export class LossyProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #target: URL
  #cut: Cut | undefined
  #count = 0
  #isRefusing = false
  /** What clients have asked for in plain queries since the last `arm`. */
  readonly queries: string[] = []

  private constructor(target: URL) {
    this.#target = target
    this.#server = createServer((client) => this.#join(client))
  }

  /** A proxy to the server of a URL. */
  static async start(url: string): Promise<LossyProxy> {
    const proxy = new LossyProxy(new URL(url))
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  /** The server's URL, through here. */
  get url(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const url = new URL(this.#target)
    url.port = String(address.port)
    return url.href
  }

  /** Loses the connection that comes to that message. */
  arm(cut: Cut): void {
    this.#cut = cut
    this.#count = 0
    this.queries.length = 0
  }

  /** Stops losing connections. Returns whether it has lost one since `arm`. */
  disarm(): boolean {
    const hasCut = this.#cut === undefined
    this.#cut = undefined
    return hasCut
  }

  /** Refuses new connections until it is called with false, and loses the existing ones. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing
    if (isRefusing) for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket): void {
    if (this.#isRefusing) {
      client.resetAndDestroy()
      return
    }
    const server = dial(Number(this.#target.port), this.#target.hostname)
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    }
    new Joint(client, server, (type, body) => this.#decide(type, body))
  }

  #decide(type: string, body: Buffer): Cut | undefined {
    if (type === COPY_DATA && this.#cut?.countsRows !== true) return undefined
    const query = type === 'Q' ? body.toString('utf8', 0, body.length - 1) : undefined
    if (query !== undefined) this.queries.push(query)
    if (this.#cut?.query !== undefined && query !== this.#cut.query) return undefined
    this.#count++
    if (this.#cut === undefined || this.#count < this.#cut.at) return undefined
    const cut = this.#cut
    this.#cut = undefined
    return cut
  }
}

/** A client and the server, joined. */
class Joint {
  readonly #client: Socket
  readonly #server: Socket
  readonly #decide: (type: string, body: Buffer) => Cut | undefined
  #fromClient: Buffer = Buffer.alloc(0)
  #fromServer: Buffer = Buffer.alloc(0)
  #hasStarted = false
  /** Set once this connection is being lost. */
  #cut: Cut | undefined
  #isLosing = false

  constructor(client: Socket, server: Socket, decide: (type: string, body: Buffer) => Cut | undefined) {
    this.#client = client
    this.#server = server
    this.#decide = decide
    client.on('data', (data) => this.#takeFromClient(data))
    server.on('data', (data) => this.#takeFromServer(data))
    client.on('close', () => {
      if (this.#cut?.leavesServer !== true) server.destroy()
    })
    server.on('close', () => client.destroy())
  }

  #takeFromClient(data: Buffer): void {
    if (this.#cut !== undefined) return
    this.#fromClient = Buffer.concat([this.#fromClient, data])
    if (!this.#hasStarted) {
      if (this.#fromClient.length < 4) return
      const length = this.#fromClient.readUInt32BE(0)
      if (this.#fromClient.length < length) return
      this.#server.write(this.#fromClient.subarray(0, length))
      this.#fromClient = this.#fromClient.subarray(length)
      this.#hasStarted = true
    }
    for (let message = next(this.#fromClient); message !== undefined; message = next(this.#fromClient)) {
      this.#fromClient = this.#fromClient.subarray(message.length)
      const type = String.fromCharCode(message[0] ?? 0)
      this.#cut = this.#decide(type, message.subarray(5))
      if (this.#cut?.when !== 'before') this.#server.write(message)
      if (this.#cut === undefined) continue
      if (this.#cut.when !== 'after') this.#lose()
      else setTimeout(() => this.#lose(), type === 'Q' ? ANSWER_MS : QUIET_MS).unref()
      return
    }
  }

  #takeFromServer(data: Buffer): void {
    if (this.#cut === undefined) {
      this.#client.write(data)
      // What was passed on is only looked at for where the next message begins.
      this.#fromServer = Buffer.alloc(0)
      return
    }
    this.#fromServer = Buffer.concat([this.#fromServer, data])
    for (let message = next(this.#fromServer); message !== undefined; message = next(this.#fromServer)) {
      this.#fromServer = this.#fromServer.subarray(message.length)
      const type = String.fromCharCode(message[0] ?? 0)
      if (type === READY_FOR_QUERY || type === COPY_IN) this.#lose()
    }
  }

  #lose(): void {
    if (this.#isLosing) return
    this.#isLosing = true
    const hangUp = () => {
      this.#client.resetAndDestroy()
      if (this.#cut?.leavesServer !== true) this.#server.destroy()
    }
    if (this.#cut?.meanwhile === undefined) hangUp()
    else void this.#cut.meanwhile().finally(hangUp)
  }
}

/** The first whole message: a byte that says what it is, and four with the length of the rest. */
function next(data: Buffer): Buffer | undefined {
  if (data.length < 5) return undefined
  const length = 1 + data.readUInt32BE(1)
  return data.length < length ? undefined : data.subarray(0, length)
}
