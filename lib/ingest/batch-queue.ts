import { Change } from '../core/change.ts'
import type { CheckedOptions } from './client-options.ts'
import type { OutgoingRecord } from './endpoints.ts'
import type { SettledBatch } from './report.ts'
import type { RecordError } from './response.ts'
import { Watermark } from './watermark.ts'

/** How a queue makes and sends batches. The limits are those of the client's options. */
export interface BatchQueueOptions extends QueueLimits {
  readonly deliver: (records: readonly OutgoingRecord[], signal: AbortSignal) => Promise<readonly RecordError[]>
  readonly onSettled: (batch: SettledBatch) => void
}

type QueueLimits = Pick<
  CheckedOptions,
  'batchRecords' | 'batchBytes' | 'requestsAtOnce' | 'lingerMs' | 'queueRecords' | 'queueBytes'
>

interface Group {
  readonly records: readonly OutgoingRecord[]
  readonly bytes: number
}

/** The queue of one endpoint: makes batches, sends them, and slows down fast callers. */
export class BatchQueue {
  /** How many records are neither accepted nor rejected yet. */
  undelivered = 0
  /** How many calls of `add` wait for space. */
  callsWaiting = 0
  readonly #options: BatchQueueOptions
  readonly #stop = new AbortController()
  #batchBytes: number
  #waiting: Group[] = []
  #waitingRecords = 0
  #waitingBytes = 0
  #undeliveredBytes = 0
  #added = 0
  #sent = 0
  #requests = 0
  readonly #settled = new Watermark()
  #linger: NodeJS.Timeout | undefined
  /** Records below this number are sent at once, however few there are. */
  #dueUntil = 0
  /** Resolves when the last call that waits for space has added its records. */
  #lastCall: Promise<void> = Promise.resolve()
  readonly #change = new Change()

  constructor(options: BatchQueueOptions) {
    this.#options = options
    this.#batchBytes = options.batchBytes
  }

  /** Adds records to send together. Returns a promise to wait for if the queue is full. */
  add(records: readonly OutgoingRecord[]): Promise<void> | undefined {
    if (this.callsWaiting === 0 && !this.#isFull()) {
      this.#enqueue(records)
      return undefined
    }
    this.callsWaiting++
    this.#lastCall = this.#lastCall.then(async () => {
      while (this.#isFull() && !this.#stop.signal.aborted) await this.#change.next
      this.callsWaiting--
      this.#enqueue(records)
    })
    return this.#lastCall
  }

  /** Sends everything added before, and waits until all of it was delivered or has failed. */
  async flush(): Promise<void> {
    while (this.callsWaiting > 0) await this.#lastCall
    const target = this.#added
    this.#dueUntil = Math.max(this.#dueUntil, target)
    this.#startRequests()
    while (this.#settled.through < target && !this.#stop.signal.aborted) await this.#change.next
  }

  /** Cancels requests and discards what waits. These records stay undelivered. */
  stop(): void {
    clearTimeout(this.#linger)
    this.#stop.abort()
    this.#change.notify()
  }

  /** Makes further requests smaller, after a request of this many bytes was too large. */
  shrink(bytes: number): void {
    this.#batchBytes = Math.max(1, Math.min(this.#batchBytes, Math.floor(bytes / 2)))
  }

  #isFull(): boolean {
    return this.undelivered >= this.#options.queueRecords || this.#undeliveredBytes >= this.#options.queueBytes
  }

  /** Queues the records as one group, or one by one if they are too many for one request. */
  #enqueue(records: readonly OutgoingRecord[]): void {
    // A single record is by far the most frequent case.
    const [first] = records
    const bytes =
      records.length === 1 && first !== undefined ? first.bytes : records.reduce((sum, record) => sum + record.bytes, 0)
    if (records.length <= this.#options.batchRecords && bytes <= this.#batchBytes)
      this.#enqueueGroup({ records, bytes })
    else for (const record of records) this.#enqueueGroup({ records: [record], bytes: record.bytes })
    this.#startRequests()
  }

  #enqueueGroup(group: Group): void {
    this.#waiting.push(group)
    this.#waitingRecords += group.records.length
    this.#waitingBytes += group.bytes
    this.undelivered += group.records.length
    this.#undeliveredBytes += group.bytes
    this.#added += group.records.length
  }

  #startRequests(): void {
    if (this.#stop.signal.aborted) return
    while (this.#waiting.length > 0 && this.#requests < this.#options.requestsAtOnce && this.#isDue()) this.#send()
    if (this.#waiting.length > 0 && this.#linger === undefined) {
      this.#linger = setTimeout(() => {
        this.#linger = undefined
        this.#dueUntil = this.#added
        this.#startRequests()
      }, this.#options.lingerMs)
      // It does not keep the process alive: process-exit.ts closes the client if nothing else does.
      this.#linger.unref()
    }
  }

  #isDue(): boolean {
    const isFull = this.#waitingRecords >= this.#options.batchRecords || this.#waitingBytes >= this.#batchBytes
    return isFull || this.#sent < this.#dueUntil
  }

  #send(): void {
    const { records, bytes } = this.#takeBatch()
    const first = this.#sent
    this.#sent += records.length
    this.#requests++
    const settle = (batch: SettledBatch) => {
      this.#requests--
      this.#change.notify()
      // A cancelled request stays undelivered: whether Mixpanel accepted it is unknown.
      if (this.#stop.signal.aborted && batch.failure !== undefined) return
      this.undelivered -= records.length
      this.#undeliveredBytes -= bytes
      this.#options.onSettled(batch)
      this.#settled.markDone(first, first + records.length)
      this.#startRequests()
    }
    this.#options.deliver(records, this.#stop.signal).then(
      (errors) => settle({ records, errors, failure: undefined }),
      (failure: unknown) => settle({ records, errors: [], failure }),
    )
  }

  /** Takes the first groups that fit into one request, and always at least one. */
  #takeBatch(): Group {
    let count = 0
    let records = 0
    let bytes = 0
    for (const group of this.#waiting) {
      const fits =
        records + group.records.length <= this.#options.batchRecords && bytes + group.bytes <= this.#batchBytes
      if (count > 0 && !fits) break
      count++
      records += group.records.length
      bytes += group.bytes
    }
    const batch = this.#waiting.splice(0, count)
    this.#waitingRecords -= records
    this.#waitingBytes -= bytes
    return { records: batch.flatMap((group) => group.records), bytes }
  }
}
