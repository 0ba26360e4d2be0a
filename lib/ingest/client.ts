import { randomUUID } from 'node:crypto'
import { MixloadError } from '../core/errors.ts'
import { printableText } from '../core/printable.ts'
import { ingestionHost } from '../mixpanel/regions.ts'
import { BatchQueue } from './batch-queue.ts'
import { invalidRecord } from './checks.ts'
import { type CheckedOptions, checkClientOptions, type IngestOptions } from './client-options.ts'
import { deliver } from './delivery.ts'
import { DeliverySpool, type SpoolPosition } from './delivery-spool.ts'
import { MAY_MOVE, TIME_DOUBTS, type TimeDoubt } from './doubtful-times.ts'
import {
  ENDPOINTS,
  type EndpointName,
  eventJson,
  type OutgoingRecord,
  RECORD_BYTES_MAX,
  routeEvent,
} from './endpoints.ts'
import { type ImportEvents, type ImportOptions, importEvents } from './import-events.ts'
import type { Operation } from './operations.ts'
import {
  aliasPayload,
  CHARGES_PROPERTY,
  chargeItem,
  type Defaults,
  type EngageOptions,
  type EventPayload,
  groupPayload,
  identifyPayload,
  mergePayload,
  type ProfileUpdate,
  profilePayload,
  type TrackOptions,
  trackPayload,
} from './payloads.ts'
import { closeAtExit, release } from './process-exit.ts'
import { type Properties, recordJson } from './property-values.ts'
import { type DeliveryNotice, type DeliveryReport, DeliveryTally, type SettledBatch, sendingError } from './report.ts'
import { Sender } from './sender.ts'

/** With this many waiting calls, the program does not await them, and memory grows. */
const CALLS_WAITING_WARNED = 10_000

/**
 * Sends events and profile updates to a Mixpanel project. Each call checks its arguments, queues
 * the record and returns. Await it: if the queue is full, the call waits. `flush` and `close`
 * report what happened to the records; `onNotice` reports it as it happens.
 */
export class IngestClient implements AsyncDisposable {
  readonly name: string | undefined
  readonly #options: CheckedOptions
  readonly #sender: Sender
  readonly #queues = new Map<EndpointName, BatchQueue>()
  readonly #recordCounts = new Map<EndpointName, number>()
  readonly #tally = new DeliveryTally((notice) => this.#notify(notice))
  readonly #spool: Promise<DeliverySpool> | undefined
  /** Resolves when the records of earlier sessions are queued. */
  readonly #recovery: Promise<void>
  readonly #onClosed: () => void
  /** Resolves when all delivered records are marked as done in the spool. */
  #markingDone: Promise<unknown> = Promise.resolve()
  /** Resolves when the records of the latest call are in the spool and in the queue. */
  #spooling: Promise<unknown> = Promise.resolve()
  readonly #doubtsNoted = new Set<TimeDoubt>()
  #closing: Promise<DeliveryReport> | undefined
  #callsInProgress = 0
  #keepAlive: NodeJS.Timeout | undefined

  /**
   * `onClosed` is called when the client accepts no further calls.
   * @throws MixloadError CONFIG_INVALID.
   */
  constructor(options: IngestOptions, onClosed: () => void = () => {}) {
    this.#options = checkClientOptions(options)
    this.#onClosed = onClosed
    const { name, region, apiUrl, spool } = this.#options
    this.name = name
    this.#sender = new Sender(ingestionHost(region, apiUrl), this.#options)
    this.#spool = spool === undefined ? undefined : DeliverySpool.open(spool)
    this.#recovery = this.#recover()
    // The next call throws this error. Until then it must not count as unhandled.
    this.#recovery.catch(() => {})
    closeAtExit(this, this.#options.closeOnSignals)
  }

  /** Queues an event. Events older than five days are sent to /import, as /track drops them. */
  async track(event: string, properties?: Properties, options?: TrackOptions): Promise<void> {
    await this.#addEvent(trackPayload(event, properties, options, this.#defaults()))
  }

  /** Queues one or several changes of user profiles, which are applied in order. */
  engage(distinctId: string, operation: Operation, value?: unknown, options?: EngageOptions): Promise<void>
  engage(updates: readonly ProfileUpdate[], options?: EngageOptions): Promise<void>
  async engage(
    target: string | readonly ProfileUpdate[],
    operationOrOptions?: Operation | EngageOptions,
    value?: unknown,
    options?: EngageOptions,
  ): Promise<void> {
    const [updates, chosen] = Array.isArray(target)
      ? [target, operationOrOptions]
      : [[{ distinctId: target, operation: operationOrOptions, value }], options]
    if (updates.length === 0) throw invalidRecord('The list of updates', 'is empty')
    const records = updates.map((update) => profilePayload(update, chosen))
    await this.#add('engage', records)
  }

  /** Queues a change of a group profile, which supports no `$add` and no `$append`. */
  async engageGroup(
    groupKey: string,
    groupId: string,
    operation: Operation,
    value?: unknown,
    options?: EngageOptions,
  ): Promise<void> {
    await this.#add('groups', [groupPayload(groupKey, groupId, operation, value, options)])
  }

  /**
   * Queues a charge: an item of the profile's list `$transactions`, from which Mixpanel computes
   * revenue. The property `$time` is the time of the charge; it defaults to now.
   */
  async trackCharge(
    distinctId: string,
    amount: number,
    properties?: Properties,
    options?: EngageOptions,
  ): Promise<void> {
    const charge = chargeItem(amount, properties, Date.now())
    await this.engage(distinctId, '$append', { [CHARGES_PROPERTY]: charge }, options)
  }

  /** Queues the removal of all charges of a person. */
  async clearCharges(distinctId: string, options?: EngageOptions): Promise<void> {
    await this.engage(distinctId, '$set', { [CHARGES_PROPERTY]: [] }, options)
  }

  /** Queues an alias: `alias` becomes another id of the person with this id. */
  async createAlias(alias: string, distinctId: string): Promise<void> {
    await this.#addEvent(aliasPayload(alias, distinctId, this.#defaults()))
  }

  /** Queues that a UUID belongs to a person. For projects with original id merge. */
  async identify(distinctId: string, anonymousId: string): Promise<void> {
    await this.#addEvent(identifyPayload(distinctId, anonymousId, this.#defaults()))
  }

  /** Queues the merge of two ids into one person. For projects with original id merge. */
  async merge(firstId: string, secondId: string): Promise<void> {
    await this.#addEvent(mergePayload(firstId, secondId, this.#defaults()))
  }

  /**
   * Imports events of any age, one by one or in lists, as fast as Mixpanel accepts them, and
   * resolves when all are accepted or rejected. An event without `$insert_id` gets one that is
   * derived from the event, so that importing it again adds nothing. An invalid event is reported
   * as rejected.
   * @throws MixloadError if events cannot be delivered; CLOSED; the signal's reason.
   */
  async import(events: ImportEvents, options: ImportOptions = {}): Promise<DeliveryReport> {
    this.#assertOpen()
    return this.#keepingAlive(() =>
      importEvents(events, {
        newQueue: (onSettled) => this.#newQueue('import', onSettled),
        notify: (notice) => this.#notify(notice),
        ...options,
      }),
    )
  }

  /**
   * Sends everything queued before this call, and resolves when Mixpanel has accepted or rejected
   * it. Reports on all records since the last report.
   * @throws MixloadError why records could not be delivered.
   */
  async flush(): Promise<DeliveryReport> {
    this.#assertOpen()
    return this.#keepingAlive(async () => {
      await this.#recovery
      await this.#flushQueues()
      return this.#tally.takeReport()
    })
  }

  /**
   * Flushes for at most `timeoutMs`, and ends the client. Calling it again returns the same report.
   * @throws MixloadError UNDELIVERED with the number of records left; why others could not be
   *   delivered.
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<DeliveryReport> {
    this.#closing ??= this.#close(options.timeoutMs ?? this.#options.closeTimeoutMs)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(timeoutMs: number): Promise<DeliveryReport> {
    const { spool } = this.#options
    release(this)
    this.#onClosed()
    const { promise: timeout, resolve: timeUp } = Promise.withResolvers<void>()
    // This timer keeps the process alive until everything is closed.
    const timer = setTimeout(timeUp, timeoutMs)
    try {
      await Promise.race([this.#recovery.then(() => this.#flushQueues()), timeout])
      const left = [...this.#queues.values()].reduce((sum, queue) => sum + queue.undelivered, 0)
      for (const queue of this.#queues.values()) queue.stop()
      await this.#markingDone
      if (left > 0) {
        const fate = spool === undefined ? 'They are lost' : `They are in ${spool} and are sent at the next start`
        const message = `Mixpanel had not accepted ${left} records after ${timeoutMs / 1000} s. ${fate}.`
        throw new MixloadError('UNDELIVERED', message)
      }
      return this.#tally.takeReport()
    } finally {
      clearTimeout(timer)
      await (await this.#spool?.catch(() => undefined))?.close()
      await this.#sender[Symbol.asyncDispose]()
    }
  }

  async #flushQueues(): Promise<void> {
    // Calls that the program does not await count as well.
    await this.#spooling
    await Promise.all([...this.#queues.values()].map((queue) => queue.flush()))
    await this.#markingDone
  }

  #defaults(): Defaults {
    const { superProperties } = this.#options
    return { now: Date.now(), insertId: randomUUID, superProperties }
  }

  async #addEvent(payload: EventPayload): Promise<void> {
    const [endpoint, { event, properties }] = routeEvent(payload, Date.now())
    await this.#addJson(endpoint, [eventJson(recordJson(properties), event)], properties.token !== undefined)
  }

  async #add(endpoint: EndpointName, records: readonly object[]): Promise<void> {
    await this.#addJson(endpoint, records.map(recordJson), false)
  }

  async #addJson(endpoint: EndpointName, records: readonly string[], hasOwnToken: boolean): Promise<void> {
    this.#assertOpen()
    if (this.#options.token === undefined && !hasOwnToken && endpoint !== 'import') {
      const message = 'A client without a token can only import. Set the option token to the project token.'
      throw new MixloadError('CONFIG_INVALID', message)
    }
    for (const json of records) {
      if (json.length > RECORD_BYTES_MAX)
        throw invalidRecord('The record', `has ${json.length} characters, and Mixpanel accepts ${RECORD_BYTES_MAX}`)
    }
    const enqueue = (positions: readonly SpoolPosition[]) =>
      this.#queue(endpoint).add(
        records.map((json, index) => this.#outgoing(endpoint, json, hasOwnToken, positions[index])),
      )
    let waiting: Promise<void> | undefined
    const spool = this.#spool
    if (spool === undefined) waiting = enqueue([])
    else {
      // The records of earlier sessions are queued first.
      const positions = this.#recovery.then(async () => (await spool).append(endpoint, records))
      const queued = positions.then((positions) => ({ waiting: enqueue(positions) }))
      this.#spooling = queued.catch(() => {})
      ;({ waiting } = await queued)
    }
    if (waiting === undefined) return
    if (this.#queue(endpoint).callsWaiting === CALLS_WAITING_WARNED) {
      const message =
        `${CALLS_WAITING_WARNED} calls are waiting until Mixpanel has accepted earlier records. ` +
        'Await each call: waiting calls use memory.'
      warn(message)
    }
    await this.#keepingAlive(() => waiting)
  }

  #outgoing(
    endpoint: EndpointName,
    json: string,
    hasOwnToken: boolean,
    spoolPosition: SpoolPosition | undefined,
  ): OutgoingRecord {
    const index = this.#recordCounts.get(endpoint) ?? 0
    this.#recordCounts.set(endpoint, index + 1)
    const tokenBytes = (this.#options.token ?? '').length + 16
    return { json, bytes: Buffer.byteLength(json) + tokenBytes, hasOwnToken, index, spoolPosition }
  }

  /** Queues the records that earlier sessions left in the spool. */
  async #recover(): Promise<void> {
    const spool = await this.#spool
    if (spool === undefined) return
    for await (const { endpoint, json, position } of spool.recover()) {
      const hasOwnToken = endpoint === 'track' && (JSON.parse(json) as EventPayload).properties?.token !== undefined
      await this.#queue(endpoint).add([this.#outgoing(endpoint, json, hasOwnToken, position)])
    }
  }

  #queue(endpoint: EndpointName): BatchQueue {
    const queue = this.#queues.get(endpoint) ?? this.#newQueue(endpoint, (batch) => this.#settle(endpoint, batch))
    this.#queues.set(endpoint, queue)
    return queue
  }

  #newQueue(name: EndpointName, onSettled: (batch: SettledBatch) => void): BatchQueue {
    const endpoint = ENDPOINTS[name]
    const { requestsAtOnce, retry, dryRun, ...options } = this.#options
    const queue: BatchQueue = new BatchQueue({
      ...options,
      requestsAtOnce: endpoint.ordered ? 1 : requestsAtOnce,
      onSettled,
      deliver: async (records, signal) =>
        dryRun
          ? []
          : deliver(records, {
              endpoint,
              sender: this.#sender,
              signal,
              // Calls that must wait keep the process alive themselves; a retry alone does not.
              retry: { ...retry, keepsProcessAlive: false },
              onRetry: (error, delayMs) => this.#notify({ kind: 'retry', endpoint: name, error, delayMs }),
              onTooLarge: (bytes) => queue.shrink(bytes),
            }),
    })
    return queue
  }

  #settle(endpoint: EndpointName, batch: SettledBatch): void {
    this.#tally.add(endpoint, batch, this.#spool !== undefined)
    if (batch.failure !== undefined || this.#spool === undefined) return
    const positions = batch.records.map(({ spoolPosition }) => spoolPosition as SpoolPosition)
    const previous = this.#markingDone
    const markDone = async () => {
      await previous
      await (await this.#spool)?.markDone(positions)
    }
    this.#markingDone = markDone().catch((error: unknown) => {
      this.#notify({ kind: 'failed', endpoint, error: sendingError(error), count: 0, kept: true })
    })
  }

  #notify(notice: DeliveryNotice): void {
    if (this.#options.onNotice !== undefined) {
      this.#options.onNotice(notice)
    } else if (notice.kind === 'rejected') {
      const { endpoint, index, reason } = notice.rejection
      warn(`Mixpanel rejected record ${index} of /${endpoint}: ${reason}`)
    } else if (notice.kind === 'failed') {
      warn(`${notice.count} records of /${notice.endpoint}: ${notice.error.message}`)
    } else if (notice.kind === 'doubtful-time' && !this.#doubtsNoted.has(notice.doubt)) {
      this.#doubtsNoted.add(notice.doubt)
      warn(`The time of event ${notice.index} is ${TIME_DOUBTS[notice.doubt]}. ${MAY_MOVE}`)
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new MixloadError('CLOSED', 'The client has been closed.')
  }

  /** Keeps the process alive while a caller waits. Queues and retries alone do not. */
  async #keepingAlive<T>(work: () => Promise<T>): Promise<T> {
    this.#callsInProgress++
    this.#keepAlive ??= setInterval(() => {}, 2 ** 30)
    try {
      return await work()
    } finally {
      this.#callsInProgress--
      if (this.#callsInProgress === 0) {
        clearInterval(this.#keepAlive)
        this.#keepAlive = undefined
      }
    }
  }
}

function warn(message: string): void {
  process.emitWarning(printableText(message), 'MixloadWarning')
}
