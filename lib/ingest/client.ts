import { randomUUID } from 'node:crypto'
import { MixloadError } from '../core/errors.ts'
import { ingestionHost } from '../mixpanel/regions.ts'
import { CHARGES, chargeItem } from './charge.ts'
import { type CheckedOptions, checkedClientOptions, type IngestOptions } from './client-options.ts'
import { deliver } from './delivery.ts'
import { closeAtEnd, forget } from './end-of-process.ts'
import { ENDPOINTS, type EndpointName, eventJson, type Outgoing, RECORD_BYTES_MAX } from './endpoints.ts'
import { routeOf } from './event-route.ts'
import { type ImportEvents, importEvents } from './import-events.ts'
import { Journal, type Place } from './journal.ts'
import { Lane, type SettledBatch } from './lane.ts'
import type { Operation } from './operations.ts'
import { failureOf, rejectionsOf } from './outcomes.ts'
import {
  aliasPayload,
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
import { type Properties, recordJson } from './property-values.ts'
import { invalid } from './refusal.ts'
import { type IngestEvent, type Report, Tally } from './report.ts'
import { Sender } from './sender.ts'

/** So many calls at once are not awaited, but forgotten: nothing is lost, and people are told. */
const CALLS_WAITING_WARNED = 10_000

/**
 * Sends events and profile updates to a Mixpanel project. Calls check what they are given, queue it and return; what
 * they return is to be awaited by who sends faster than Mixpanel takes. What becomes of the records, `flush` and `close`
 * say, and `tell` at once.
 */
export class IngestClient implements AsyncDisposable {
  readonly name: string | undefined
  readonly #options: CheckedOptions
  readonly #sender: Sender
  readonly #lanes = new Map<EndpointName, Lane>()
  readonly #counts = new Map<EndpointName, number>()
  readonly #tally = new Tally()
  readonly #journal: Promise<Journal> | undefined
  readonly #recovery: Promise<void>
  readonly #onClosed: () => void
  #settling: Promise<unknown> = Promise.resolve()
  /** The latest call whose records are on their way into the spool; they get there one after the other. */
  #keeping: Promise<unknown> = Promise.resolve()
  #closing: Promise<Report> | undefined
  #holds = 0
  #hold: NodeJS.Timeout | undefined

  /** `onClosed` is told when it takes no further calls. @throws MixloadError CONFIG_INVALID. */
  constructor(options: IngestOptions, onClosed: () => void = () => {}) {
    this.#options = checkedClientOptions(options)
    this.#onClosed = onClosed
    const { name, token, region, apiUrl, credentials, geolocate, timeoutMs, spool } = this.#options
    this.name = name
    this.#sender = new Sender({ host: ingestionHost(region, apiUrl), token, credentials, geolocate, timeoutMs })
    this.#journal = spool === undefined ? undefined : Journal.open(spool)
    this.#recovery = this.#recover()
    // Who calls next is told; until then it must not count as unhandled.
    this.#recovery.catch(() => {})
    closeAtEnd(this, this.#options.closeOnSignals)
  }

  /**
   * Queues an event. One that is older than /track keeps goes by /import.
   * @throws MixloadError RECORD_INVALID naming what is wrong; SPOOL_FAILED; CLOSED.
   */
  async track(event: string, properties?: Properties, options?: TrackOptions): Promise<void> {
    await this.#addEvent(trackPayload(event, properties, options, this.#defaults()))
  }

  /**
   * Queues a change of a user's profile, or several that go in one request and happen in their order. `$delete` takes no
   * value. Throws as {@link track} does.
   */
  engage(distinctId: string, operation: Operation, value?: unknown, options?: EngageOptions): Promise<void>
  engage(updates: readonly ProfileUpdate[], options?: EngageOptions): Promise<void>
  async engage(
    who: string | readonly ProfileUpdate[],
    operationOrOptions?: Operation | EngageOptions,
    value?: unknown,
    options?: EngageOptions,
  ): Promise<void> {
    if (!Array.isArray(who)) {
      const update = { distinctId: who, operation: operationOrOptions, value }
      return this.#add('engage', [profilePayload(update, options)])
    }
    if (who.length === 0) throw invalid('The list of updates', 'is empty')
    await this.#add(
      'engage',
      who.map((update) => profilePayload(update, operationOrOptions)),
    )
  }

  /** Queues a change of a group's profile; there is no `$add` and no `$append` of groups. Throws as {@link track} does. */
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
   * Queues that a person paid an amount: an item of the list `$transactions` of the profile, of which Mixpanel makes
   * revenue. `$time` among the properties says when; now where left out. Throws as {@link track} does.
   */
  async trackCharge(
    distinctId: string,
    amount: number,
    properties?: Properties,
    options?: EngageOptions,
  ): Promise<void> {
    await this.engage(distinctId, '$append', { [CHARGES]: chargeItem(amount, properties, Date.now()) }, options)
  }

  /** Queues that a person has paid nothing after all: empties `$transactions`. Throws as {@link track} does. */
  async clearCharges(distinctId: string, options?: EngageOptions): Promise<void> {
    await this.engage(distinctId, '$set', { [CHARGES]: [] }, options)
  }

  /** Queues that `alias` is from now on another name of the person with this id. Throws as {@link track} does. */
  async createAlias(alias: string, distinctId: string): Promise<void> {
    await this.#addEvent(aliasPayload(alias, distinctId, this.#defaults()))
  }

  /**
   * Queues that the anonymous id, a UUID of version 4, is the person with this id. For projects with original id merge.
   * Throws as {@link track} does.
   */
  async identify(distinctId: string, anonymousId: string): Promise<void> {
    await this.#addEvent(identifyPayload(distinctId, anonymousId, this.#defaults()))
  }

  /** Queues that two ids are one person, for good. For projects with original id merge. Throws as {@link track} does. */
  async merge(one: string, other: string): Promise<void> {
    await this.#addEvent(mergePayload(one, other, this.#defaults()))
  }

  /**
   * Imports events of any age, one by one or in lists, as fast as Mixpanel takes them, and gives what became of them when all have ended. An event
   * without `$insert_id` gets one from what is in it, so that importing it again adds nothing. An event that is no event
   * at all is reported as rejected.
   * @throws MixloadError where events can't be delivered; CLOSED; the signal's reason.
   */
  async import(
    events: ImportEvents,
    options: { readonly signal?: AbortSignal; readonly onProgress?: (through: number) => void } = {},
  ): Promise<Report> {
    this.#assertOpen()
    return this.#held(() =>
      importEvents(events, {
        lane: (onSettled) => this.#newLane('import', onSettled),
        tell: (event) => this.#tell(event),
        ...options,
      }),
    )
  }

  /**
   * Sends everything that was queued before this call and waits until Mixpanel has answered for it. Gives what became
   * of all records since the last report.
   * @throws MixloadError why records could not be delivered.
   */
  async flush(): Promise<Report> {
    this.#assertOpen()
    return this.#held(async () => {
      await this.#recovery
      await this.#flushLanes()
      return this.#report()
    })
  }

  /**
   * Flushes for as long as `timeoutMs` allows, and ends the client. Further calls give the same report.
   * @throws MixloadError UNDELIVERED saying how many records were left; why others could not be delivered.
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<Report> {
    this.#closing ??= this.#close(options.timeoutMs ?? this.#options.closeTimeoutMs)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(timeoutMs: number): Promise<Report> {
    forget(this)
    this.#onClosed()
    const { promise: timeout, resolve: timeUp } = Promise.withResolvers<void>()
    // This one holds the process, and nothing that is under way does so for longer.
    const timer = setTimeout(timeUp, timeoutMs)
    try {
      await Promise.race([this.#recovery.then(() => this.#flushLanes()), timeout])
      const left = [...this.#lanes.values()].reduce((sum, lane) => sum + lane.undelivered, 0)
      for (const lane of this.#lanes.values()) lane.stop()
      await this.#settling
      if (left > 0) throw this.#undelivered(left, timeoutMs)
      return this.#report()
    } finally {
      clearTimeout(timer)
      await (await this.#journal?.catch(() => undefined))?.close()
      await this.#sender[Symbol.asyncDispose]()
    }
  }

  #undelivered(count: number, timeoutMs: number): MixloadError {
    const { spool } = this.#options
    const what = spool === undefined ? 'They are lost' : `They are in ${spool} and are sent at the next start`
    return new MixloadError(
      'UNDELIVERED',
      `Mixpanel had not answered for ${count} records after ${timeoutMs / 1000} s. ${what}.`,
    )
  }

  #report(): Report {
    const { report, failure } = this.#tally.take()
    if (failure !== undefined) throw failure
    return report
  }

  async #flushLanes(): Promise<void> {
    // Calls that nobody waits for count, too.
    await this.#keeping
    await Promise.all([...this.#lanes.values()].map((lane) => lane.flush()))
    await this.#settling
  }

  #defaults(): Defaults {
    const { superProperties } = this.#options
    return { now: Date.now(), insertId: randomUUID, superProperties }
  }

  async #addEvent(payload: EventPayload): Promise<void> {
    const [endpoint, { event, properties }] = routeOf(payload, Date.now())
    await this.#addJson(endpoint, [eventJson(recordJson(properties), event)], properties.token !== undefined)
  }

  async #add(endpoint: EndpointName, records: readonly object[]): Promise<void> {
    await this.#addJson(endpoint, records.map(recordJson), false)
  }

  async #addJson(endpoint: EndpointName, records: readonly string[], ownToken: boolean): Promise<void> {
    this.#assertOpen()
    if (this.#options.token === undefined && !ownToken && endpoint !== 'import') {
      throw new MixloadError('CONFIG_INVALID', 'A client without a token can only import: give it the project token.')
    }
    for (const json of records) {
      if (json.length > RECORD_BYTES_MAX)
        throw invalid('The record', `has ${json.length} characters, and Mixpanel takes ${RECORD_BYTES_MAX}`)
    }
    const queue = (places: readonly Place[]) =>
      this.#lane(endpoint).add(records.map((json, at) => this.#outgoing(endpoint, json, ownToken, places[at])))
    let waiting: Promise<void> | undefined
    if (this.#journal === undefined) waiting = queue([])
    else {
      const kept = this.#keep(endpoint, records)
      const queued = kept.then((places) => ({ waiting: queue(places) }))
      this.#keeping = queued.catch(() => {})
      ;({ waiting } = await queued)
    }
    if (waiting === undefined) return
    if (this.#lane(endpoint).callsWaiting === CALLS_WAITING_WARNED) {
      const message = `${CALLS_WAITING_WARNED} calls wait until Mixpanel has taken earlier records. Await each call: memory grows with those that wait.`
      process.emitWarning(message, 'MixloadWarning')
    }
    await this.#held(() => waiting)
  }

  /** Puts records into the spool, behind what earlier sessions left. */
  async #keep(endpoint: EndpointName, records: readonly string[]): Promise<readonly Place[]> {
    await this.#recovery
    return (await this.#journal)?.append(endpoint, records) ?? []
  }

  #outgoing(endpoint: EndpointName, json: string, ownToken: boolean, place: Place | undefined): Outgoing {
    const index = this.#counts.get(endpoint) ?? 0
    this.#counts.set(endpoint, index + 1)
    const tokenBytes = (this.#options.token ?? '').length + 16
    return { json, bytes: Buffer.byteLength(json) + tokenBytes, ownToken, index, place }
  }

  /** Sends what earlier sessions left in the spool. */
  async #recover(): Promise<void> {
    const journal = await this.#journal
    if (journal === undefined) return
    for await (const { endpoint, json, place } of journal.recovered()) {
      const ownToken = endpoint === 'track' && ownTokenOf(json)
      await this.#lane(endpoint).add([this.#outgoing(endpoint, json, ownToken, place)])
    }
  }

  #lane(endpoint: EndpointName): Lane {
    let lane = this.#lanes.get(endpoint)
    if (lane === undefined) {
      lane = this.#newLane(endpoint, (batch) => this.#settled(endpoint, batch))
      this.#lanes.set(endpoint, lane)
    }
    return lane
  }

  #newLane(name: EndpointName, onSettled: (batch: SettledBatch) => void): Lane {
    const endpoint = ENDPOINTS[name]
    const { requestsAtOnce, retry, ...options } = this.#options
    const lane: Lane = new Lane({
      ...options,
      atOnce: endpoint.ordered ? 1 : requestsAtOnce,
      onSettled,
      deliver: (records, signal) =>
        deliver(
          endpoint,
          records,
          {
            sender: this.#sender,
            // What must be waited for, `held` waits for; a process that has nothing else to do may end.
            retry: { ...retry, keepsProcessAlive: false },
            onRetry: (error, delayMs) => this.#tell({ kind: 'retry', endpoint: name, error, delayMs }),
            onTooLarge: (bytes) => lane.shrink(bytes),
          },
          signal,
        ),
    })
    return lane
  }

  #settled(endpoint: EndpointName, { records, faults, failure }: SettledBatch): void {
    if (failure !== undefined) {
      const error = failureOf(failure)
      this.#tally.fail(records.length, error)
      const kept = this.#journal !== undefined
      this.#tell({ kind: 'failed', endpoint, error, count: records.length, kept })
      return
    }
    const rejections = rejectionsOf(endpoint, records, faults)
    this.#tally.accept(records.length - rejections.length)
    for (const rejection of rejections) {
      this.#tally.reject(rejection)
      this.#tell({ kind: 'rejected', rejection })
    }
    if (this.#journal === undefined) return
    const places = records.map(({ place }) => place as Place)
    const before = this.#settling
    const settle = async () => {
      await before
      await (await this.#journal)?.settle(places)
    }
    this.#settling = settle().catch((error: unknown) => {
      this.#tell({ kind: 'failed', endpoint, error: failureOf(error), count: 0, kept: true })
    })
  }

  #tell(event: IngestEvent): void {
    if (this.#options.tell !== undefined) {
      this.#options.tell(event)
    } else if (event.kind === 'rejected') {
      const { endpoint, index, reason } = event.rejection
      process.emitWarning(`Mixpanel refused record ${index} of /${endpoint}: ${reason}`, 'MixloadWarning')
    } else if (event.kind === 'failed') {
      process.emitWarning(`${event.count} records of /${event.endpoint}: ${event.error.message}`, 'MixloadWarning')
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new MixloadError('CLOSED', 'The client has been closed.')
  }

  /** Keeps the process alive while the caller waits: by themselves, neither queue nor retries do. */
  async #held<T>(work: () => Promise<T>): Promise<T> {
    this.#holds++
    this.#hold ??= setInterval(() => {}, 2 ** 30)
    try {
      return await work()
    } finally {
      this.#holds--
      if (this.#holds === 0) {
        clearInterval(this.#hold)
        this.#hold = undefined
      }
    }
  }
}

function ownTokenOf(json: string): boolean {
  return (JSON.parse(json) as EventPayload).properties?.token !== undefined
}
