import type { ApiRequest } from '../mixpanel/client.ts'
import { type OpenResponse, type Requester, Usage } from '../mixpanel/requester.ts'
import type { BytesAhead } from '../spool/bytes-ahead.ts'
import type { SpoolDirectory } from '../spool/spool.ts'

/** How far requests may be ahead of what is read. */
export interface AheadLimits {
  /** The most requests that run at once. */
  readonly requests: number
  /** The bytes of responses in the spool at which no further request is sent. */
  readonly bytes: number
}

export interface AheadOptions extends AheadLimits {
  readonly requester: Requester
  readonly spool: SpoolDirectory
  readonly signal: AbortSignal
}

/** A request that is going to be made. */
export interface NextRequest {
  readonly request: ApiRequest
  /** Called when it is sent before its turn. */
  readonly onSend: () => void
}

/** A request that was sent ahead. */
export interface RequestAhead {
  /** Of one attempt: a failure may pass. */
  readonly response: Promise<OpenResponse>
  readonly usage: Usage
  readonly sentAt: Date
}

/**
 * Sends requests before it is their turn to be read, in their order, so that many wait for their
 * first byte at the same time. Each is sent once: after a failure, none is sent ahead until it was
 * the turn of the one that failed, because the run may end with it, or Mixpanel be down. What
 * arrives too early is stored in the spool as it came, that is compressed, and costs no memory. The
 * request whose turn it is needs no room in the spool.
 */
export class RequestsAhead implements AsyncDisposable {
  readonly #options: AheadOptions
  readonly #stop = new AbortController()
  /** Those that are going to be made, some of which may have been sent or taken already. */
  #next: NextRequest[] = []
  /** Those that were taken since it was last said which ones are going to be made. */
  readonly #taken = new Set<string>()
  readonly #sent = new Map<string, SentRequest>()
  /** Those that have failed and are still to be made in their turn. */
  readonly #failed = new Set<string>()
  /** The bytes of the largest response so far: what those under way may bring. */
  #largest = 0

  constructor(options: AheadOptions) {
    this.#options = options
  }

  /** Says which requests are going to be made, in their order. */
  expect(next: readonly NextRequest[]): void {
    this.#next = [...next]
    this.#taken.clear()
    if (this.#failed.size > 0) {
      const keys = new Set(next.map(({ request }) => keyOf(request)))
      for (const key of this.#failed) if (!keys.has(key)) this.#failed.delete(key)
    }
    this.#fill()
  }

  /** A request that was sent ahead; undefined if it was not, or was taken. */
  take(request: ApiRequest): RequestAhead | undefined {
    const key = keyOf(request)
    const sent = this.#sent.get(key)
    this.#taken.add(key)
    this.#sent.delete(key)
    sent?.take()
    this.#fill()
    return sent
  }

  /** Ends all requests that were not taken. Nothing is written to the spool any more then. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#next = []
    this.#stop.abort()
    for (const sent of this.#sent.values()) await sent.discard()
    this.#sent.clear()
  }

  /** Sends what may be sent now. */
  #fill(): void {
    for (let next = this.#next[0]; next !== undefined && this.#hasRoom(); next = this.#next[0]) {
      this.#next.shift()
      const key = keyOf(next.request)
      if (!this.#sent.has(key) && !this.#taken.has(key)) this.#send(key, next)
    }
  }

  #hasRoom(): boolean {
    if (this.#failed.size > 0) return false
    const sent = [...this.#sent.values()]
    const running = sent.filter(({ isRunning }) => isRunning).length
    const stored = sent.reduce((sum, { bytes }) => sum + bytes, 0)
    const { requests, bytes } = this.#options
    // One is left for what is being read.
    return running < requests - 1 && stored + (running + 1) * this.#largest < bytes
  }

  #send(key: string, { request, onSend }: NextRequest): void {
    const { requester, spool } = this.#options
    const signal = AbortSignal.any([this.#options.signal, this.#stop.signal])
    const sent = new SentRequest(request, {
      requester,
      path: spool.nextFile('.response'),
      signal,
      onSend,
      onStored: (bytes) => {
        this.#largest = Math.max(this.#largest, bytes)
      },
      onFailure: () => this.#failed.add(key),
      onEnd: () => this.#fill(),
    })
    this.#sent.set(key, sent)
  }
}

interface SendOptions extends Pick<AheadOptions, 'requester' | 'signal'> {
  readonly path: string
  readonly onSend: () => void
  /** Called with the number of bytes in the spool whenever that has grown. */
  readonly onStored: (bytes: number) => void
  readonly onFailure: () => void
  /** Called when it has failed, or its response has come as a whole. */
  readonly onEnd: () => void
}

/** A request that was sent ahead. Its response is stored until it is taken. */
class SentRequest implements RequestAhead {
  readonly response: Promise<OpenResponse>
  readonly usage = new Usage()
  sentAt = new Date()
  isRunning = true
  /** Of its response, in the spool. */
  bytes = 0
  #isTaken = false
  #stored: BytesAhead | undefined

  constructor(request: ApiRequest, { requester, path, signal, onSend, onStored, onFailure, onEnd }: SendOptions) {
    const { usage } = this
    const noteSending = () => {
      this.sentAt = new Date()
      onSend()
    }
    const noteStored = (bytes: number) => {
      this.bytes += bytes
      onStored(this.bytes)
    }
    const end = () => {
      this.isRunning = false
      onEnd()
    }
    const open = async () => {
      const opened = await requester.open(request, { signal, usage, isAhead: true, onSend: noteSending })
      if (this.#isTaken) return opened
      const { body } = opened
      const release = once(opened.release)
      this.#stored = body.storeAhead(path, noteStored)
      void this.#stored.stored.then(async () => {
        // Whoever has taken it reads the rest and then releases it.
        if (!this.#isTaken) await release()
        end()
      })
      return { body, release }
    }
    this.response = open()
    // It is awaited when it is taken; until then its failure must not count as unhandled.
    this.response.catch(() => {
      onFailure()
      end()
    })
  }

  take(): void {
    this.#isTaken = true
  }

  /** To be called once its signal has been aborted. */
  async discard(): Promise<void> {
    await this.response.catch(() => {})
    await this.#stored?.discard()
  }
}

/** Does `work` only the first time. */
function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}

function keyOf(request: ApiRequest): string {
  return JSON.stringify(request)
}
