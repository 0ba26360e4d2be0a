import { randomUUID } from 'node:crypto'
import { type ErrorCode, isFailure, MixloadError } from '../core/errors.ts'
import { requestSelection, WHOLE } from '../destination/selection.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import { type Requester, Usage } from '../mixpanel/requester.ts'
import type { OnProgress } from '../progress.ts'
import type { Identities } from '../scan/body-reader.ts'
import { type Doubt, doubtOf } from '../scan/whole-body.ts'
import type { Settings } from '../settings.ts'
import { halves, hasDays, rowsName, type Slice, type StreamSlice } from '../slices.ts'
import type { ExpectedRows, Stream, StreamContext } from '../streams/stream.ts'
import { addDays, dayInZone, earlier } from '../time/days.ts'
import { type EventClock, eventClock } from '../time/event-time.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'
import { assertExpected } from './expected-rows.ts'
import { joinedRows } from './joined-rows.ts'
import type { RequestsAhead } from './requests-ahead.ts'
import { ANSWER_FAILURES, type Extracted, type SliceSource } from './slice-source.ts'
import type { TableInput } from './table-input.ts'
import type { SpooledBody, TableSpool } from './table-spool.ts'

export interface ExtractOptions {
  readonly stream: Stream
  /** The inputs of the stream's tables, in their order. */
  readonly inputs: readonly TableInput[]
  readonly requester: Requester
  /** Undefined if no request is sent before its slice is read. */
  readonly requestsAhead?: RequestsAhead | undefined
  readonly settings: Settings
  readonly zone: string
  readonly onProgress: OnProgress
}

/** Failures after which a slice is read again from its first request. */
const RESTARTS = ['SESSION_LOST', 'COUNT_MISMATCH'] as const
/** How often a slice is read again. Each time costs all its requests. */
const RESTARTS_MAX = 2

/** The most doubtful responses to request until two in a row are the same. */
const DOUBTFUL_TRIES = 4

const DOUBTS: Readonly<Record<Doubt, readonly [message: string, code: ErrorCode]>> = {
  'unknown-end': ['The response does not say where it ends', 'BODY_TRUNCATED'],
  'foreign-lines': ['Lines of the response are not events', 'BODY_UNREADABLE'],
}

const PROGRESS_MS = 100

/** The rows of a slice, in the order of the stream's tables. */
type TablesRows = readonly SpooledRows[]

/** What a stream says about its lines while it reads them. */
interface Remarks {
  readonly expected: ExpectedRows[]
  /** The ids of items that are left out. */
  readonly leftOut: (string | undefined)[]
  isEndKnown: boolean
}

interface Reading {
  readonly bodies: readonly SpooledBody[]
  readonly remarks: Readonly<Remarks>
}

/**
 * Downloads slices of a stream to the spool. Their requests may be sent ahead, but they are read
 * one after the other: columns get their names and types in the order of the days.
 */
export class Extractor implements SliceSource<StreamSlice> {
  /** Failures of one slice alone. */
  readonly #sliceFailures: readonly ErrorCode[]
  readonly #options: ExtractOptions
  /** Identities of the slice's records, collected once a streamed body has broken off. */
  #seen: Set<string> | undefined
  #startedAt = new Date()
  #reading: StreamSlice | undefined
  /** Of the present slice. */
  #usage = new Usage()
  #signal = new AbortController().signal

  constructor(options: ExtractOptions) {
    this.#options = options
    this.#sliceFailures = options.stream.streamed === undefined ? [] : ANSWER_FAILURES
  }

  ahead(slices: readonly StreamSlice[]): void {
    const { stream, requestsAhead, onProgress } = this.#options
    const requestOf = stream.streamed?.request
    if (requestOf === undefined) return
    const requests = slices.filter(hasDays).map((slice) => ({
      // Asked for only when it is sent: there may be thousands of slices.
      get request() {
        return requestOf(slice)
      },
      onSend: () => {
        if (slice !== this.#reading) onProgress({ kind: 'slice-requested', stream: stream.name, slice })
      },
    }))
    requestsAhead?.expect(requests)
  }

  async extract(requested: StreamSlice, signal: AbortSignal): Promise<Extracted<StreamSlice>> {
    const { stream, zone, onProgress } = this.#options
    const usage = new Usage()
    this.#reading = requested
    this.#usage = usage
    this.#startedAt = new Date()
    this.#signal = signal
    this.#seen = undefined
    let slice = requested
    onProgress({ kind: 'slice-started', stream: stream.name, slice })
    for (;;) {
      try {
        const [own, ...others] = await this.#readOrNarrow(slice)
        if (own === undefined) throw new TypeError(`${stream.name} has no table`)
        // Bytes and requests are counted once, for the stream's own table.
        const summary = stream.streamed === undefined ? { ...own.summary, bytes: usage.bytes } : own.summary
        const counted = { ...own, summary, requestCount: usage.requests }
        return { kind: 'spooled', spooled: { slice, tables: [counted, ...others] } }
      } catch (error) {
        if (!hasDays(slice)) throw error
        if (isFailure(error, ...this.#sliceFailures)) {
          const into = halves(slice)
          return into === undefined ? { kind: 'skipped', error } : { kind: 'split', into, reason: error }
        }
        if (!isFailure(error, 'DAY_IN_FUTURE')) throw error
        onProgress({ kind: 'slice-shortened', stream: stream.name, slice, reason: error.message })
        const lastDay = earlier(addDays(slice.lastDay, -1), dayInZone(Date.now(), zone))
        if (lastDay < slice.firstDay) return { kind: 'future' }
        slice = { ...slice, lastDay }
      }
    }
  }

  /** Reads a slice. A day that stays incomplete is read by smaller requests, if possible. */
  async #readOrNarrow(slice: StreamSlice): Promise<TablesRows> {
    const { stream, inputs } = this.#options
    try {
      return await this.#read(slice, true)
    } catch (error) {
      const isTooMuch = hasDays(slice) && halves(slice) === undefined && isFailure(error, ...this.#sliceFailures)
      if (stream.streamed === undefined || !isTooMuch) throw error
      const parts = await stream.streamed.narrow(this.#context(), slice, error, this.#seen ?? new Set())
      const done: TablesRows[] = []
      for (const input of inputs) input.begin()
      try {
        await this.#readParts(parts, done)
        return joinedRows(done)
      } catch (failure) {
        await this.#discard(done.flat())
        throw failure
      }
    }
  }

  async #readParts(parts: readonly Slice[], done: TablesRows[]): Promise<void> {
    for (const part of parts) {
      try {
        done.push(await this.#read(part, false))
      } catch (error) {
        const into = halves(part)
        if (into === undefined || !isFailure(error, ...this.#sliceFailures)) throw error
        await this.#readParts(into, done)
      }
    }
  }

  /** Reads a slice until it is complete. `isAlone`: whether it begins a new list of fields. */
  async #read(slice: StreamSlice, isAlone: boolean): Promise<TablesRows> {
    const { stream, inputs, onProgress } = this.#options
    const believed = new Set<ErrorCode>()
    for (let tries = 0; ; tries++) {
      if (isAlone) for (const input of inputs) input.begin()
      try {
        return await this.#readOnce(slice, believed)
      } catch (error) {
        this.#signal.throwIfAborted()
        if (!mayRestart(error) || tries === RESTARTS_MAX) throw error
        // The same result twice is accepted.
        believed.add(error.code)
        onProgress({ kind: 'slice-restarted', stream: stream.name, slice, reason: error.message })
      }
    }
  }

  async #readOnce(slice: StreamSlice, believed: ReadonlySet<ErrorCode>): Promise<TablesRows> {
    const { stream, inputs, requester, onProgress } = this.#options
    const attempt = () => this.#readToEnd(slice)
    const reading = await (stream.streamed === undefined
      ? attempt()
      : requester.withRetries(stream.streamed.retries, attempt, this.#signal))
    const rows: SpooledRows[] = []
    try {
      for (const [at, input] of inputs.entries()) {
        const spooled = this.#spooled(input, reading.bodies[at] as SpooledBody, slice)
        rows.push(spooled)
        this.#assertReadable(spooled, believed)
        rows[at] = await input.rows.settle(spooled)
      }
      const { expected, leftOut } = reading.remarks
      const missing = await assertExpected(inputs, rows, expected, believed, (message) =>
        onProgress({ kind: 'warning', message }),
      )
      return rows.map((spooled, at) => ({ ...spooled, leftOut, missing: missing[at] ?? 0 }))
    } catch (error) {
      await this.#discard([...rows, ...reading.bodies.slice(rows.length)])
      throw error
    }
  }

  /** A reading whose response is certainly whole, or that equals the reading before it. */
  async #readToEnd(slice: StreamSlice): Promise<Reading> {
    const { stream, onProgress } = this.#options
    let before: SpooledBody | undefined
    for (let tries = 1; ; tries++) {
      const reading = await this.#spool(slice)
      const [body] = reading.bodies
      const doubt = stream.streamed && body && doubtOf(body.summary, reading.remarks.isEndKnown)
      if (doubt === undefined || isRepeated(doubt, before, body)) return reading
      await this.#discard(reading.bodies)
      const [why, code] = DOUBTS[doubt]
      if (tries === DOUBTFUL_TRIES) {
        throw new MixloadError(code, `${why}, and each of ${tries} attempts brought something else.`)
      }
      if (before === undefined) {
        const message = `${rowsName(stream.name, slice)}: ${why}. It is requested again until two are the same.`
        onProgress({ kind: 'warning', message })
      }
      // Where it stays doubtful, it is requested by the names of its events.
      this.#seen ??= new Set()
      before = body
    }
  }

  async #spool(slice: StreamSlice): Promise<Reading> {
    const { stream, inputs, requester } = this.#options
    const remarks: Remarks = { expected: [], leftOut: [], isEndKnown: true }
    const context = this.#context(remarks)
    const spools = new Map(inputs.map((input) => [input.table.name, this.#tableSpool(input, slice)]))
    try {
      return await requester.withoutSecrets(async () => {
        await this.#takeAll(slice, context, spools)
        const bodies: SpooledBody[] = []
        for (const spool of spools.values()) bodies.push(await spool.end())
        return { bodies, remarks }
      })
    } catch (error) {
      if (stream.streamed !== undefined) this.#seen ??= new Set()
      for (const spool of spools.values()) await spool.discard()
      throw error
    }
  }

  /** Takes the lines that the stream reads, and reports the progress at intervals. */
  async #takeAll(slice: StreamSlice, context: StreamContext, spools: ReadonlyMap<string, TableSpool>): Promise<void> {
    const { stream, onProgress } = this.#options
    const before = { ...this.#usage }
    let reportedAt = performance.now()
    for await (const { table, lines } of stream.read(context, hasDays(slice) ? slice : undefined)) {
      this.#signal.throwIfAborted()
      const spool = spools.get(table)
      if (spool === undefined) throw new TypeError(`${stream.name} has no table ${table}`)
      await spool.take(lines)
      if (performance.now() - reportedAt < PROGRESS_MS) continue
      reportedAt = performance.now()
      const rows = [...spools.values()].reduce((total, { rows }) => total + rows, 0)
      const requests = this.#usage.requests - before.requests
      const bytes = this.#usage.bytes - before.bytes
      onProgress({ kind: 'slice-progress', stream: stream.name, slice, rows, bytes, requests })
    }
    this.#signal.throwIfAborted()
  }

  #tableSpool(input: TableInput, slice: StreamSlice): TableSpool {
    return input.spool({
      clock: clockOf(input, slice, this.#options.zone),
      // Of a slice of a single day, all rows count for that day.
      countsDays: !isAllOfOneDay(slice),
      digestSalt: input.table.lines.isTimed && isAllOfDays(slice) ? input.choices : undefined,
      identities: this.#seen === undefined ? undefined : textsInto(this.#seen),
      mustBeWhole: this.#options.stream.streamed !== undefined,
    })
  }

  #spooled(input: TableInput, body: SpooledBody, slice: StreamSlice): SpooledRows {
    const { scope = WHOLE } = this.#options.stream
    const { firstDay, lastDay, since } = hasDays(slice) ? slice : { firstDay: null, lastDay: null }
    const rows = input.spooled(body, {
      name: rowsName(input.table.name, slice),
      loadId: randomUUID(),
      firstDay,
      lastDay,
      selection: requestSelection(scope, since),
      startedAt: this.#startedAt,
      clock: clockOf(input, slice, this.#options.zone),
    })
    if (!isAllOfOneDay(slice) || firstDay === null) return { ...rows, dayDigests: body.digests?.digests() }
    return { ...rows, dayRows: { [firstDay]: rows.summary.rows }, dayDigests: body.digests?.digests(firstDay) }
  }

  /** Requests damaged pages once more, and never empties a table because no line is readable. */
  #assertReadable({ name, summary }: SpooledRows, believed: ReadonlySet<ErrorCode>): void {
    const { rows, rejects, damaged } = summary
    if (rows === 0 && rejects > 0 && this.#options.stream.replication === 'full-table') {
      throw new LinesUnreadable(`${name}: none of the ${rejects} lines can be read.`)
    }
    if (damaged > 0 && this.#options.stream.streamed === undefined && !believed.has('BODY_UNREADABLE')) {
      throw new LinesUnreadable(`${name}: ${damaged} lines are not JSON.`)
    }
  }

  #context(remarks?: Remarks): StreamContext {
    const { stream, settings, zone, requester, onProgress } = this.#options
    const signal = this.#signal
    const onUnknownEnd = () => {
      if (remarks !== undefined) remarks.isEndKnown = false
    }
    return {
      settings,
      zone,
      signal,
      onProgress,
      expect: (rows) => remarks?.expected.push(rows),
      leaveOut({ name, id, error }) {
        remarks?.leftOut.push(id)
        onProgress({ kind: 'item-skipped', stream: stream.name, name, error })
      },
      ask: (request, read, ending = signal) => requester.ask(request, read, ending, this.#usage),
      stream: (request) => this.#stream(request, onUnknownEnd),
    }
  }

  async *#stream(request: ApiRequest, onUnknownEnd: () => void): AsyncGenerator<Buffer, void, undefined> {
    const { requester, requestsAhead } = this.#options
    const usage = this.#usage
    const sent = requestsAhead?.take(request)
    // Mixpanel may process events between a request that was sent ahead and its turn.
    if (sent !== undefined && sent.sentAt < this.#startedAt) this.#startedAt = sent.sentAt
    try {
      const response = await requester.open(request, { signal: this.#signal, usage, sent: sent?.response })
      yield* requester.read(response, onUnknownEnd, usage)
    } finally {
      usage.requests += sent?.usage.requests ?? 0
    }
  }

  async #discard(tables: readonly Pick<SpooledRows, 'lines' | 'rejects'>[]): Promise<void> {
    for (const rows of tables) for (const input of this.#options.inputs) await input.rows.discard(rows)
  }
}

/** Readable responses with unreadable lines. */
class LinesUnreadable extends MixloadError {
  constructor(message: string) {
    super('BODY_UNREADABLE', message)
  }
}

/** False if the cause has the same code: then the stream has already started over in vain. */
function mayRestart(error: unknown): error is MixloadError {
  if (error instanceof LinesUnreadable) return true
  return isFailure(error, ...RESTARTS) && !isFailure(error.cause, error.code)
}

/**
 * Whether a doubtful response is the one that came before. If lines are not events, it must be the
 * same to the byte. If only its end is unknown, its length is enough.
 */
function isRepeated(doubt: Doubt, before: SpooledBody | undefined, body: SpooledBody | undefined): boolean {
  if (before?.summary.bytes !== body?.summary.bytes || before?.summary.rows !== body?.summary.rows) return false
  return doubt === 'unknown-end' || before?.checksum === body?.checksum
}

function textsInto(texts: Set<string>): Identities {
  return { add: (bytes, start, end) => texts.add(JSON.parse(bytes.toString('utf8', start, end))) }
}

function isAllOfOneDay(slice: StreamSlice): boolean {
  return hasDays(slice) && slice.firstDay === slice.lastDay && slice.since === undefined
}

/** Whether a request is one for all rows of its days, or a part of one. */
function isAllOfDays(slice: StreamSlice): boolean {
  return hasDays(slice) && slice.since === undefined
}

/** How to read the times of a slice. Late arrivals are filed under their own days. */
function clockOf({ table }: TableInput, slice: StreamSlice, zone: string): EventClock | undefined {
  if (!table.lines.isTimed || !hasDays(slice)) return undefined
  const clock = eventClock(slice.firstDay, slice.lastDay, zone)
  return slice.since === undefined ? clock : { ...clock, filedUnder: undefined }
}
