import { randomUUID } from 'node:crypto'
import type { ColumnRegistry } from '../columns/registry.ts'
import { isFailure, MixloadError } from '../core/errors.ts'
import { type RetryPolicy, retrying } from '../core/retry.ts'
import { exportScope, requestSelection } from '../destination/selection.ts'
import type { RequestBudget } from '../mixpanel/budget.ts'
import type { MixpanelClient } from '../mixpanel/client.ts'
import type { Tell } from '../progress.ts'
import { type BodySinks, type BodySummary, readBody } from '../scan/body-reader.ts'
import { LineScanner } from '../scan/line-scanner.ts'
import { LineWriter } from '../scan/line-writer.ts'
import type { SpooledRows } from '../scan/spooled-rows.ts'
import { type AnySlice, halves, type Slice, sliceName } from '../slices.ts'
import { type Chunk, ChunkWriter, removeChunks, type SpoolDirectory } from '../spool/spool.ts'
import { exportRequest } from '../streams/export.ts'
import { type DayRows, DayTally } from '../time/day-tally.ts'
import { addDays } from '../time/days.ts'
import { type EventClock, eventClock } from '../time/event-time.ts'
import type { LoadedRows } from '../transform/loaded-rows.ts'

export interface ExtractOptions {
  readonly client: MixpanelClient
  readonly budget: RequestBudget
  readonly retry: RetryPolicy
  readonly spool: SpoolDirectory
  readonly registry: ColumnRegistry
  /** Only these events; undefined for all. */
  readonly events: readonly string[] | undefined
  /** The most columns that are not null in one row. */
  readonly valuesPerRowMax: number
  readonly tell: Tell
}

/** A slice that has come whole and was checked, waiting on disk to be loaded. */
export interface SpooledSlice extends SpooledRows {
  readonly slice: AnySlice
  readonly summary: BodySummary
  readonly ignoredValues: number
  readonly clock: EventClock
  /** Where not all of its events are to be rows, because some are loaded already: how many are, and which are not. */
  readonly kept?: { readonly rows: number; readonly loaded: LoadedRows }
}

/** What became of a slice. */
export type Extracted<S extends AnySlice> =
  | { readonly kind: 'spooled'; readonly spooled: SpooledSlice }
  /** Mixpanel does not give it whole: ask for these instead. */
  | { readonly kind: 'split'; readonly into: readonly S[]; readonly reason: MixloadError }
  /** Nothing to ask for: the slice lies after the project's today. */
  | { readonly kind: 'future' }
  /** Nothing to load: the ledger has its content. */
  | { readonly kind: 'already-loaded' }
  /** Nothing to load: it was only to be looked at. */
  | { readonly kind: 'looked-at' }

/** Where slices come from. */
export interface SliceSource<S extends AnySlice> {
  /** Requests sent so far, those of slices that did not come whole included. */
  readonly requestCount: number
  /**
   * Brings a slice whole to the spool.
   * @throws MixloadError when trying again or for less won't help.
   */
  extract(slice: S, signal: AbortSignal): Promise<Extracted<S>>
}

/** Failures of an answer to be whole: it may come whole where less is asked for. */
export const ANSWER_FAILURES = ['BODY_TRUNCATED', 'BODY_UNREADABLE', 'CONNECTION_CUT', 'QUERY_TIMEOUT'] as const

/** Attempts at a body that breaks off, before less is asked for. */
const WHOLE_BODY_TRIES = 2

/** Answers of which nothing tells that they are whole, until two in a row are equally long. */
const DOUBTFUL_TRIES = 4

/** The most names that Mixpanel lists. */
const EVENT_NAMES_MAX = 5000

/** Part of a slice that came whole. */
export interface Part {
  readonly events: readonly Chunk[]
  readonly rejects: readonly Chunk[]
  readonly summary: BodySummary
  /** Its events by day, where they were counted. */
  readonly dayRows: DayRows | undefined
}

/** Downloads slices to the spool, one after the other. */
export class Extractor implements SliceSource<Slice> {
  readonly #options: ExtractOptions
  readonly #scanner = new LineScanner()
  readonly #writer: LineWriter
  #requests = 0
  #allRequests = 0
  /** Names of the events in the bodies of the slice since one of them broke off; undefined before. */
  #eventNamesSeen: Set<string> | undefined

  constructor(options: ExtractOptions) {
    this.#options = options
    this.#writer = new LineWriter(this.#scanner, options.registry, options.valuesPerRowMax)
  }

  get requestCount(): number {
    return this.#allRequests
  }

  async extract(asked: Slice, signal: AbortSignal): Promise<Extracted<Slice>> {
    const { tell, events } = this.#options
    const startedAt = new Date()
    this.#requests = 0
    this.#eventNamesSeen = undefined
    this.#writer.begin()
    let slice = asked
    tell({ kind: 'slice-started', slice })
    for (;;) {
      try {
        return this.#spooled(slice, startedAt, [await this.#wholePart(slice, events, signal)])
      } catch (error) {
        if (isFailure(error, 'DAY_IN_FUTURE')) {
          tell({ kind: 'slice-clamped', slice, reason: error.message })
          if (slice.firstDay === slice.lastDay) return { kind: 'future' }
          slice = { ...slice, lastDay: addDays(slice.lastDay, -1) }
        } else if (!isFailure(error, ...ANSWER_FAILURES)) throw error
        else if (slice.firstDay !== slice.lastDay) return { kind: 'split', into: halves(asked), reason: error }
        else return this.#spooled(slice, startedAt, await this.#byEvent(slice, error, signal))
      }
    }
  }

  /** Asks again once when a body breaks off, and once when it holds lines that are no JSON. */
  async #wholePart(slice: Slice, events: readonly string[] | undefined, signal: AbortSignal): Promise<Part> {
    const policy: RetryPolicy = {
      ...this.#options.retry,
      retries: {
        ...this.#options.retry.retries,
        BODY_TRUNCATED: WHOLE_BODY_TRIES - 1,
        QUERY_TIMEOUT: WHOLE_BODY_TRIES - 1,
        BODY_UNREADABLE: WHOLE_BODY_TRIES - 1,
      },
    }
    const attempt = () => this.#vouchedFor(slice, events, signal)
    const onRetry = (error: MixloadError, delayMs: number) => this.#options.tell({ kind: 'retry', error, delayMs })
    const first = await retrying(policy, signal, attempt, onRetry)
    if (first.summary.damaged === 0) return first
    this.#options.tell({
      kind: 'warning',
      message: `${sliceName(slice)}: ${first.summary.damaged} lines are not JSON; asking once more before they are set aside.`,
    })
    await discard([first])
    return retrying(policy, signal, attempt, onRetry)
  }

  /** An answer that is sure to have come to its end, or two in a row that came to the same. */
  async #vouchedFor(slice: Slice, events: readonly string[] | undefined, signal: AbortSignal): Promise<Part> {
    let before: BodySummary | undefined
    for (let tries = 0; tries < DOUBTFUL_TRIES; tries++) {
      const { part, isEndKnown } = await this.#download(slice, events, signal)
      const { summary } = part
      if (isEndKnown || (before?.bytes === summary.bytes && before.events === summary.events)) return part
      before = summary
      await discard([part])
      if (tries === 0) {
        const message = `${sliceName(slice)}: nothing tells whether the answer is whole, so it is asked for until two are alike.`
        this.#options.tell({ kind: 'warning', message })
      }
    }
    throw new MixloadError('BODY_TRUNCATED', `Nothing tells where the answer ends, and ${DOUBTFUL_TRIES} all differ.`)
  }

  async #download(
    slice: Slice,
    events: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly part: Part; readonly isEndKnown: boolean }> {
    const { client, budget, spool, tell } = this.#options
    await budget.acquire(signal)
    this.#requests++
    this.#allRequests++
    const clock = clockOf(slice)
    try {
      const body = await client.stream(exportRequest(slice, events), signal)
      const sinks = {
        scanner: this.#scanner,
        writer: this.#writer,
        clock,
        // Those of a single day are all its own.
        dayTally: isAllOfOneDay(slice) ? undefined : new DayTally(clock),
        eventNames: this.#eventNamesSeen,
        mustEndInJson: true,
        onProgress: (bytes: number, count: number) => tell({ kind: 'slice-progress', slice, bytes, events: count }),
      }
      const part = await client.reading(() => spoolBody(body, spool, sinks))
      return { part, isEndKnown: body.isEndKnown }
    } catch (error) {
      this.#eventNamesSeen ??= new Set()
      throw error
    }
  }

  /** A day that does not come whole, asked for event by event: first half of the names, then ever fewer of them. */
  async #byEvent(slice: Slice, reason: MixloadError, signal: AbortSignal): Promise<readonly Part[]> {
    this.#options.tell({ kind: 'slice-by-event', slice, reason: reason.message })
    const names = this.#options.events ?? (await this.#eventNames(slice, reason, signal))
    if (names.length === 0) throw reason
    const parts: Part[] = []
    try {
      const waiting = names.length === 1 ? [names] : halvesOf(names)
      for (let some = waiting.shift(); some !== undefined; some = waiting.shift()) {
        try {
          parts.push(await this.#wholePart(slice, some, signal))
        } catch (error) {
          const isTooMuch = isFailure(error, ...ANSWER_FAILURES)
          if (!isTooMuch || some.length === 1) throw error
          waiting.unshift(...halvesOf(some))
        }
      }
      return parts
    } catch (error) {
      await discard(parts)
      throw error
    }
  }

  /**
   * The names of a day's events: those that the cut bodies held, and those that Mixpanel lists. Its list ends at 5,000
   * names, so neither source is sure to have all, and a name in neither would be missed: that is told.
   * @throws MixloadError of the code of `reason` where there is no list: without one the day can't come whole.
   */
  async #eventNames(slice: Slice, reason: MixloadError, signal: AbortSignal): Promise<readonly string[]> {
    const { retry, tell } = this.#options
    const onRetry = (error: MixloadError, delayMs: number) => tell({ kind: 'retry', error, delayMs })
    try {
      const listed = await retrying(retry, signal, () => this.#listedNames(slice, signal), onRetry)
      if (listed.length >= EVENT_NAMES_MAX) {
        tell({
          kind: 'warning',
          message: `${sliceName(slice)}: Mixpanel lists ${EVENT_NAMES_MAX} event names at most; an event with another name could be missing.`,
        })
      }
      return [...new Set([...(this.#eventNamesSeen ?? []), ...listed])].sort()
    } catch (error) {
      if (!(error instanceof MixloadError) || error.code === 'CREDENTIALS_REFUSED') throw error
      const unlisted = "To ask for less than the day, Mixpanel's list of event names is needed, and it is not to be had"
      throw new MixloadError(reason.code, `${reason.message} ${unlisted}: ${error.message}`, { cause: error })
    }
  }

  async #listedNames(slice: Slice, signal: AbortSignal): Promise<readonly string[]> {
    const listed = await this.#options.client.json(
      {
        family: 'app',
        path: '/api/query/events/names',
        query: { type: 'general', limit: String(EVENT_NAMES_MAX), from_date: slice.firstDay, to_date: slice.lastDay },
      },
      signal,
    )
    if (!Array.isArray(listed)) throw new MixloadError('BODY_UNREADABLE', 'The list of event names is no list.')
    return listed.filter((name) => typeof name === 'string')
  }

  #spooled(slice: Slice, startedAt: Date, parts: readonly Part[]): Extracted<Slice> {
    const summaries = parts.map((part) => part.summary)
    const sum = (of: (summary: BodySummary) => number) => summaries.reduce((total, summary) => total + of(summary), 0)
    const eventCount = sum(({ events }) => events)
    const spooled: SpooledSlice = {
      slice,
      loadId: randomUUID(),
      firstDay: slice.firstDay,
      lastDay: slice.lastDay,
      selection: requestSelection(exportScope(this.#options.events), slice.since),
      startedAt,
      events: parts.flatMap((part) => part.events),
      rejects: parts.flatMap((part) => part.rejects),
      summary: {
        events: eventCount,
        rejects: sum(({ rejects }) => rejects),
        bytes: sum(({ bytes }) => bytes),
        damaged: sum(({ damaged }) => damaged),
        undated: sum(({ undated }) => undated),
        outside: sum(({ outside }) => outside),
        longestLine: Math.max(...summaries.map(({ longestLine }) => longestLine)),
        longestReject: Math.max(...summaries.map(({ longestReject }) => longestReject)),
      },
      dayRows: isAllOfOneDay(slice)
        ? { [slice.firstDay]: eventCount }
        : ((parts.length === 1 ? parts[0]?.dayRows : undefined) ?? null),
      requestCount: this.#requests,
      fields: this.#writer.fields(),
      hasOverflow: this.#writer.hasOverflow,
      ignoredValues: this.#writer.ignoredValues,
      clock: clockOf(slice),
    }
    return { kind: 'spooled', spooled }
  }
}

function isAllOfOneDay({ firstDay, lastDay, since }: Slice): boolean {
  return firstDay === lastDay && since === undefined
}

/** Rows that were asked for by when they were processed are of their own days: those without one are of none. */
function clockOf({ firstDay, lastDay, since }: Slice): EventClock {
  const clock = eventClock(firstDay, lastDay)
  return since === undefined ? clock : { ...clock, filedUnder: undefined }
}

/** Reads a body to its end into chunk files. Where that fails, nothing is left of it. */
export async function spoolBody(
  body: AsyncIterable<Buffer>,
  spool: SpoolDirectory,
  sinks: Omit<BodySinks, 'events' | 'rejects'>,
): Promise<Part> {
  const events = new ChunkWriter(spool, '.ndjson')
  const rejects = new ChunkWriter(spool, '.rejects.ndjson')
  try {
    const summary = await readBody(body, { ...sinks, events, rejects })
    return {
      events: await events.finish(),
      rejects: await rejects.finish(),
      summary,
      dayRows: sinks.dayTally?.dayRows(),
    }
  } catch (error) {
    await events.discard()
    await rejects.discard()
    throw error
  }
}

/** Deletes a spooled slice's files. */
export async function discardSpooled({ events, rejects }: Pick<SpooledSlice, 'events' | 'rejects'>): Promise<void> {
  await removeChunks([...events, ...rejects])
}

async function discard(parts: readonly Part[]): Promise<void> {
  for (const part of parts) await discardSpooled(part)
}

function halvesOf(names: readonly string[]): (readonly string[])[] {
  const middle = Math.ceil(names.length / 2)
  return [names.slice(0, middle), names.slice(middle)]
}
