import { randomUUID } from 'node:crypto'
import { type ErrorCode, isFailure, MixloadError } from '../core/errors.ts'
import { requestSelection, WHOLE } from '../destination/selection.ts'
import type { Requester } from '../mixpanel/requester.ts'
import type { OnProgress } from '../progress.ts'
import type { BodySummary, Identities } from '../scan/body-reader.ts'
import type { Settings } from '../settings.ts'
import { halves, hasDays, rowsName, type Slice, type StreamSlice } from '../slices.ts'
import type { ExpectedRows, LineBatch, Stream, StreamContext } from '../streams/stream.ts'
import { addDays } from '../time/days.ts'
import { type EventClock, eventClock } from '../time/event-time.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'
import { assertExpected } from './expected-rows.ts'
import { joinedRows } from './joined-rows.ts'
import { ANSWER_FAILURES, type Extracted, type SliceSource } from './slice-source.ts'
import type { TableInput } from './table-input.ts'
import type { SpooledBody, TableSpool } from './table-spool.ts'

export interface ExtractOptions {
  readonly stream: Stream
  /** The inputs of the stream's tables, in their order. */
  readonly inputs: readonly TableInput[]
  readonly requester: Requester
  readonly settings: Settings
  /** The project's time zone. */
  readonly zone: string
  readonly onProgress: OnProgress
}

/** Failures after which a slice is read again from its first request. */
const RESTARTS = ['SESSION_LOST', 'COUNT_MISMATCH'] as const
/** How often a slice is read again. Each time costs all its requests. */
const RESTARTS_MAX = 2

/** The most responses without a known end to request until two in a row are equally long. */
const DOUBTFUL_TRIES = 4

/** How often progress is reported. */
const PROGRESS_MS = 100

/** The rows of a slice, in the order of the stream's tables. */
type TablesRows = readonly SpooledRows[]

/** What one reading of a slice brought. */
interface Reading {
  readonly bodies: readonly SpooledBody[]
  readonly expected: readonly ExpectedRows[]
  readonly isEndKnown: boolean
}

/** Downloads slices of a stream to the spool, one after the other. */
export class Extractor implements SliceSource<StreamSlice> {
  readonly sliceFailures: readonly ErrorCode[]
  readonly #options: ExtractOptions
  /** Identities of the slice's records, collected once a streamed body has broken off. */
  #seen: Set<string> | undefined
  #startedAt = new Date()

  constructor(options: ExtractOptions) {
    this.#options = options
    this.sliceFailures = options.stream.streamed === undefined ? [] : ANSWER_FAILURES
  }

  /** @throws MixloadError when neither another attempt nor a smaller request helps. */
  async extract(requested: StreamSlice, signal: AbortSignal): Promise<Extracted<StreamSlice>> {
    const { stream, requester, onProgress } = this.#options
    const { requests, bytes } = requester
    this.#startedAt = new Date()
    this.#seen = undefined
    let slice = requested
    onProgress({ kind: 'slice-started', stream: stream.name, slice })
    for (;;) {
      try {
        const [own, ...others] = await this.#readOrNarrow(slice, signal)
        if (own === undefined) throw new TypeError(`${stream.name} has no table`)
        // Bytes and requests are counted once, for the stream's own table.
        const summary = stream.streamed === undefined ? { ...own.summary, bytes: requester.bytes - bytes } : own.summary
        const counted = { ...own, summary, requestCount: requester.requests - requests }
        return { kind: 'spooled', spooled: { slice, tables: [counted, ...others] } }
      } catch (error) {
        if (!hasDays(slice)) throw error
        if (isFailure(error, 'DAY_IN_FUTURE')) {
          onProgress({ kind: 'slice-shortened', stream: stream.name, slice, reason: error.message })
          if (slice.firstDay === slice.lastDay) return { kind: 'future' }
          slice = { ...slice, lastDay: addDays(slice.lastDay, -1) }
          continue
        }
        const into = halves(slice)
        if (!isFailure(error, ...this.sliceFailures) || into === undefined) throw error
        return { kind: 'split', into, reason: error }
      }
    }
  }

  /** Reads a slice. A day that stays incomplete is read by smaller requests, if possible. */
  async #readOrNarrow(slice: StreamSlice, signal: AbortSignal): Promise<TablesRows> {
    const { stream, inputs } = this.#options
    try {
      return await this.#read(slice, true, signal)
    } catch (error) {
      const isTooMuch = hasDays(slice) && halves(slice) === undefined && isFailure(error, ...this.sliceFailures)
      if (stream.streamed === undefined || !isTooMuch) throw error
      const seen = this.#seen ?? new Set()
      const waiting = [...(await stream.streamed.narrow(this.#context(), slice, error, seen, signal))]
      const parts: TablesRows[] = []
      for (const input of inputs) input.begin()
      try {
        for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
          await this.#readPart(part, parts, waiting, signal)
        }
        return joinedRows(parts)
      } catch (failure) {
        await this.#discard(parts.flat())
        throw failure
      }
    }
  }

  async #readPart(part: Slice, parts: TablesRows[], waiting: Slice[], signal: AbortSignal): Promise<void> {
    try {
      parts.push(await this.#read(part, false, signal))
    } catch (error) {
      const into = halves(part)
      if (!isFailure(error, ...this.sliceFailures) || into === undefined) throw error
      waiting.unshift(...into)
    }
  }

  /** Reads a slice until it is complete. `isAlone`: whether it begins a new list of fields. */
  async #read(slice: StreamSlice, isAlone: boolean, signal: AbortSignal): Promise<TablesRows> {
    const { stream, onProgress } = this.#options
    const believed = new Set<ErrorCode>()
    for (let tries = 0; ; tries++) {
      if (isAlone) for (const input of this.#options.inputs) input.begin()
      try {
        return await this.#readOnce(slice, believed, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!mayRestart(error) || tries === RESTARTS_MAX) throw error
        // The same result twice is accepted.
        believed.add(error.code)
        onProgress({ kind: 'slice-restarted', stream: stream.name, slice, reason: error.message })
      }
    }
  }

  async #readOnce(slice: StreamSlice, believed: ReadonlySet<ErrorCode>, signal: AbortSignal): Promise<TablesRows> {
    const { stream, inputs, requester, onProgress } = this.#options
    const attempt = () => this.#readToEnd(slice, signal)
    const { streamed } = stream
    const reading = await (streamed === undefined
      ? attempt()
      : requester.withRetries(streamed.retries, attempt, signal))
    const rows: SpooledRows[] = []
    try {
      for (const [at, input] of inputs.entries()) {
        const spooled = this.#spooled(input, reading.bodies[at] as SpooledBody, slice)
        rows.push(spooled)
        this.#assertReadable(spooled, believed)
        rows[at] = await input.rows.settle(spooled)
      }
      await assertExpected(inputs, rows, reading.expected, believed, (message) =>
        onProgress({ kind: 'warning', message }),
      )
      return rows
    } catch (error) {
      await this.#discard([...rows, ...reading.bodies.slice(rows.length)])
      throw error
    }
  }

  /** A reading whose responses are known to be complete, or that equals the reading before it. */
  async #readToEnd(slice: StreamSlice, signal: AbortSignal): Promise<Reading> {
    const { stream, onProgress } = this.#options
    let before: BodySummary | undefined
    for (let tries = 0; tries < DOUBTFUL_TRIES; tries++) {
      const reading = await this.#spool(slice, signal)
      const summary = reading.bodies[0]?.summary
      if (reading.isEndKnown || (before?.bytes === summary?.bytes && before?.rows === summary?.rows)) return reading
      before = summary
      await this.#discard(reading.bodies)
      if (tries === 0) {
        const message = `${rowsName(stream.name, slice)}: the response does not say where it ends. It is requested again until two are equally long.`
        onProgress({ kind: 'warning', message })
      }
    }
    throw new MixloadError(
      'BODY_TRUNCATED',
      `The response does not say where it ends, and each of ${DOUBTFUL_TRIES} attempts had another length.`,
    )
  }

  /** Writes what the stream reads to the spool. */
  async #spool(slice: StreamSlice, signal: AbortSignal): Promise<Reading> {
    const { stream, inputs, requester } = this.#options
    const expected: ExpectedRows[] = []
    let isEndKnown = true
    const context = this.#context({
      expect: (rows) => expected.push(rows),
      onUnknownEnd: () => {
        isEndKnown = false
      },
    })
    const spools = new Map(inputs.map((input) => [input.table.name, this.#tableSpool(input, slice)]))
    const days = hasDays(slice) ? slice : undefined
    try {
      await requester.withoutSecrets(() =>
        this.#takeAll(stream.read(context, days, signal), spools, this.#reporter(slice), signal),
      )
      const bodies: SpooledBody[] = []
      for (const spool of spools.values()) bodies.push(await requester.withoutSecrets(() => spool.end()))
      return { bodies, expected, isEndKnown }
    } catch (error) {
      if (stream.streamed !== undefined) this.#seen ??= new Set()
      for (const spool of spools.values()) await spool.discard()
      throw error
    }
  }

  async #takeAll(
    batches: AsyncIterable<LineBatch>,
    spools: ReadonlyMap<string, TableSpool>,
    report: (rows: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    for await (const { table, lines } of batches) {
      signal.throwIfAborted()
      const spool = spools.get(table)
      if (spool === undefined) throw new TypeError(`${this.#options.stream.name} has no table ${table}`)
      await spool.take(lines)
      report([...spools.values()].reduce((total, { rows }) => total + rows, 0))
    }
    signal.throwIfAborted()
  }

  /** Reports the progress of a slice, at intervals. */
  #reporter(slice: StreamSlice): (rows: number) => void {
    const { stream, requester, onProgress } = this.#options
    const before = { requests: requester.requests, bytes: requester.bytes }
    let reportedAt = performance.now()
    return (rows) => {
      if (performance.now() - reportedAt < PROGRESS_MS) return
      reportedAt = performance.now()
      const requests = requester.requests - before.requests
      const bytes = requester.bytes - before.bytes
      onProgress({ kind: 'slice-progress', stream: stream.name, slice, rows, bytes, requests })
    }
  }

  #tableSpool(input: TableInput, slice: StreamSlice): TableSpool {
    return input.spool({
      clock: clockOf(input, slice),
      // Of a slice of a single day, all rows count for that day.
      countsDays: !isAllOfOneDay(slice),
      identities: this.#seen === undefined ? undefined : new IdentityTexts(this.#seen),
      mustEndInJson: this.#options.stream.streamed !== undefined,
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
      clock: clockOf(input, slice),
    })
    return isAllOfOneDay(slice) && firstDay !== null ? { ...rows, dayRows: { [firstDay]: rows.summary.rows } } : rows
  }

  /** Requests damaged lines once more, and never empties a table because no line is readable. */
  #assertReadable({ name, summary }: SpooledRows, believed: ReadonlySet<ErrorCode>): void {
    const { rows, rejects, damaged } = summary
    if (rows === 0 && rejects > 0 && this.#options.stream.replication === 'full-table') {
      throw new LinesUnreadable(`${name}: none of the ${rejects} lines can be read.`)
    }
    if (damaged > 0 && !believed.has('BODY_UNREADABLE')) {
      throw new LinesUnreadable(`${name}: ${damaged} lines are not JSON.`)
    }
  }

  #context(
    { expect, onUnknownEnd }: { readonly expect: StreamContext['expect']; readonly onUnknownEnd: () => void } = {
      expect: () => {},
      onUnknownEnd: () => {},
    },
  ): StreamContext {
    const { settings, zone, requester, onProgress } = this.#options
    return {
      settings,
      zone,
      onProgress,
      expect,
      ask: (request, read, signal) => requester.ask(request, read, signal),
      stream: (request, signal) => requester.stream(request, onUnknownEnd, signal),
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

/** Collects identities as texts. */
class IdentityTexts implements Identities {
  readonly #texts: Set<string>

  constructor(texts: Set<string>) {
    this.#texts = texts
  }

  add(bytes: Buffer, start: number, end: number): void {
    this.#texts.add(JSON.parse(bytes.toString('utf8', start, end)))
  }
}

function isAllOfOneDay(slice: StreamSlice): boolean {
  return hasDays(slice) && slice.firstDay === slice.lastDay && slice.since === undefined
}

/** How to read the times of a slice. Late arrivals are filed under their own days. */
function clockOf({ table }: TableInput, slice: StreamSlice): EventClock | undefined {
  if (!table.lines.isTimed || !hasDays(slice)) return undefined
  const clock = eventClock(slice.firstDay, slice.lastDay)
  return slice.since === undefined ? clock : { ...clock, filedUnder: undefined }
}
