import { discardSpooled, type Extracted, type SliceSource, type SpooledSlice } from './extract.ts'
import type { Coverage } from './late-coverage.ts'
import type { Loader } from './load.ts'
import type { Slice } from './slices.ts'
import type { Day } from './time/days.ts'

/** Late arrivals without what is loaded already. */
export class LateSource implements SliceSource<Slice> {
  readonly #source: SliceSource<Slice>
  readonly #loader: Loader
  readonly #loaded: Coverage

  /** `read` are days that this run has read whole: of these, everything is loaded. */
  constructor(source: SliceSource<Slice>, loader: Loader, coverage: Coverage, read: Iterable<Day>) {
    this.#source = source
    this.#loader = loader
    this.#loaded = new Map([...coverage, ...[...read].map((day) => [day, Number.MAX_SAFE_INTEGER] as const)])
  }

  get requestCount(): number {
    return this.#source.requestCount
  }

  async extract(slice: Slice, signal: AbortSignal): Promise<Extracted<Slice>> {
    const extracted = await this.#source.extract(slice, signal)
    if (extracted.kind !== 'spooled') return extracted
    // What Mixpanel was asked for is not within the coverage of a day that ends before.
    const beyond = [...this.#loaded].filter(([, until]) => until > (slice.since ?? 0))
    return { kind: 'spooled', spooled: await this.#loader.withoutCovered(extracted.spooled, new Map(beyond)) }
  }
}

/** Finds out of which days late arrivals are, in the place of loading them. */
export class LateDays implements SliceSource<Slice> {
  readonly days = new Set<Day>()
  /** Events that are of no day, which no reading of whole days would bring. */
  undated = 0
  readonly #source: LateSource
  readonly #looked: SpooledSlice[] = []

  constructor(source: LateSource) {
    this.#source = source
  }

  get requestCount(): number {
    return this.#source.requestCount
  }

  async extract(slice: Slice, signal: AbortSignal): Promise<Extracted<Slice>> {
    const extracted = await this.#source.extract(slice, signal)
    if (extracted.kind !== 'spooled') return extracted
    const { spooled } = extracted
    await discardSpooled(spooled)
    for (const day of Object.keys(spooled.dayRows ?? {})) this.days.add(day)
    this.undated += spooled.summary.undated + spooled.summary.outside
    const { kept, ...rest } = spooled
    const summary = { ...spooled.summary, events: 0, rejects: 0 }
    this.#looked.push({ ...rest, events: [], rejects: [], fields: [], hasOverflow: false, summary, dayRows: {} })
    return { kind: 'looked-at' }
  }

  /** Has the ledger say that everything was looked for, once these days have been read. */
  async note(loader: Loader, signal: AbortSignal): Promise<void> {
    for (const looked of this.#looked) await loader.load(looked, signal)
  }
}
