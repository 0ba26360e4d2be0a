import type { RecordFault } from './answers.ts'
import type { Delivered } from './delivery.ts'
import type { Outgoing } from './endpoints.ts'
import { Watermark } from './watermark.ts'

export interface LaneOptions {
  /** The most records, and bytes, of one request. */
  readonly batchRecords: number
  readonly batchBytes: number
  /** Requests at once. */
  readonly atOnce: number
  /** How long a record waits for others to go with it, milliseconds. */
  readonly lingerMs: number
  /** The most records, and bytes, that may be on their way before `add` waits. */
  readonly queueRecords: number
  readonly queueBytes: number
  readonly deliver: (records: readonly Outgoing[], signal: AbortSignal) => Promise<Delivered>
  /** Told of each batch that has ended; with a failure none of it was taken for sure. */
  readonly onSettled: (batch: SettledBatch) => void
}

export interface SettledBatch {
  readonly records: readonly Outgoing[]
  readonly faults: readonly RecordFault[]
  readonly failure: unknown
}

/** Records that stay in one request. */
interface Group {
  readonly records: readonly Outgoing[]
  readonly bytes: number
}

/** The queue of one endpoint: makes batches, sends them, and holds back who adds faster than that. */
export class Lane {
  readonly #options: LaneOptions
  readonly #stop = new AbortController()
  #batchBytes: number
  #waiting: Group[] = []
  #waitingRecords = 0
  #waitingBytes = 0
  /** Waiting, or sent and not answered. */
  #records = 0
  #bytes = 0
  #added = 0
  #taken = 0
  #sending = 0
  readonly #settled = new Watermark()
  #linger: NodeJS.Timeout | undefined
  /** Records below this number are to go at once, however few. */
  #dueUntil = 0
  /** Calls that wait for room, one after the other. */
  #turn: Promise<void> = Promise.resolve()
  #queueing = 0
  #onChange: (() => void)[] = []

  constructor(options: LaneOptions) {
    this.#options = options
    this.#batchBytes = options.batchBytes
  }

  /** Records that are neither taken nor refused yet. */
  get undelivered(): number {
    return this.#records
  }

  /** Calls of `add` that wait for room. */
  get callsWaiting(): number {
    return this.#queueing
  }

  /** Queues records, which go in one request if they fit into one. Where the queue is full, gives what to wait for. */
  add(records: readonly Outgoing[]): Promise<void> | undefined {
    if (this.#queueing === 0 && !this.#isFull()) {
      this.#push(records)
      return undefined
    }
    this.#queueing++
    this.#turn = this.#turn.then(async () => {
      while (this.#isFull() && !this.#stop.signal.aborted) await this.#change()
      this.#queueing--
      this.#push(records)
    })
    return this.#turn
  }

  /** Sends everything that was added before, and waits until it has ended, well or not. */
  async flush(): Promise<void> {
    while (this.#queueing > 0) await this.#turn
    const target = this.#added
    this.#dueUntil = Math.max(this.#dueUntil, target)
    this.#pump()
    while (this.#settled.through < target && !this.#stop.signal.aborted) await this.#change()
  }

  /** Gives up what is under way or waits, and leaves it undelivered. */
  stop(): void {
    clearTimeout(this.#linger)
    this.#stop.abort()
    this.#changed()
  }

  /** From now on requests have fewer bytes than this. */
  shrink(bytes: number): void {
    this.#batchBytes = Math.max(1, Math.min(this.#batchBytes, Math.floor(bytes / 2)))
  }

  #isFull(): boolean {
    return this.#records >= this.#options.queueRecords || this.#bytes >= this.#options.queueBytes
  }

  #push(records: readonly Outgoing[]): void {
    const [first] = records
    // Nearly always there is one, and millions of them.
    if (first !== undefined && records.length === 1) this.#enqueue({ records, bytes: first.bytes })
    else for (const group of this.#groups(records)) this.#enqueue(group)
    this.#pump()
  }

  #enqueue(group: Group): void {
    this.#waiting.push(group)
    this.#waitingRecords += group.records.length
    this.#waitingBytes += group.bytes
    this.#records += group.records.length
    this.#bytes += group.bytes
    this.#added += group.records.length
  }

  /** The records as one group, or as several where they are too many for one request. */
  *#groups(records: readonly Outgoing[]): Generator<Group> {
    let from = 0
    let bytes = 0
    for (const [at, record] of records.entries()) {
      const isFull = at - from >= this.#options.batchRecords || bytes + record.bytes > this.#batchBytes
      if (at > from && isFull) {
        yield { records: records.slice(from, at), bytes }
        from = at
        bytes = 0
      }
      bytes += record.bytes
    }
    if (from < records.length) yield { records: records.slice(from), bytes }
  }

  #pump(): void {
    if (this.#stop.signal.aborted) return
    while (this.#waiting.length > 0 && this.#sending < this.#options.atOnce && this.#isDue()) this.#send()
    if (this.#waiting.length > 0 && this.#linger === undefined) {
      this.#linger = setTimeout(() => {
        this.#linger = undefined
        this.#dueUntil = this.#added
        this.#pump()
      }, this.#options.lingerMs)
      // A process that has nothing else to do ends, and says so before: see client.ts.
      this.#linger.unref()
    }
  }

  #isDue(): boolean {
    const isFull = this.#waitingRecords >= this.#options.batchRecords || this.#waitingBytes >= this.#batchBytes
    return isFull || this.#taken < this.#dueUntil
  }

  #send(): void {
    const { records, bytes } = this.#take()
    const from = this.#taken
    this.#taken += records.length
    this.#sending++
    const end = (batch: SettledBatch) => {
      this.#sending--
      // What was given up stays undelivered: nobody knows what became of it.
      if (this.#stop.signal.aborted && batch.failure !== undefined) {
        this.#changed()
        return
      }
      this.#records -= records.length
      this.#bytes -= bytes
      this.#options.onSettled(batch)
      this.#settled.done(from, from + records.length)
      this.#changed()
      this.#pump()
    }
    this.#options.deliver(records, this.#stop.signal).then(
      ({ faults }) => end({ records, faults, failure: undefined }),
      (failure: unknown) => end({ records, faults: [], failure }),
    )
  }

  /** The groups at the front that fit into one request; the first one always does. */
  #take(): Group {
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
    const taken = this.#waiting.splice(0, count)
    this.#waitingRecords -= records
    this.#waitingBytes -= bytes
    return { records: taken.flatMap((group) => group.records), bytes }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#onChange.push(resolve))
  }

  #changed(): void {
    const waiting = this.#onChange
    this.#onChange = []
    for (const resolve of waiting) resolve()
  }
}
