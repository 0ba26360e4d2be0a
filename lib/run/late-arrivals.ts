import type { Destination } from '../destination/contract.ts'
import { discardSpooled, type Extracted, type SliceSource, type SpooledSlice } from '../extract/event-extractor.ts'
import type { Loader } from '../load/event-loader.ts'
import type { Slice } from '../slices.ts'
import { ChunkWriter, type SpoolDirectory } from '../spool/spool.ts'
import type { Day } from '../time/days.ts'
import { identitiesAfter } from '../transform/loaded-rows.ts'
import type { Coverage } from './late-coverage.ts'

export interface LateOptions {
  /** Brings what was processed since a moment. */
  readonly source: SliceSource<Slice>
  readonly loader: Loader
  readonly destination: Destination
  readonly spool: SpoolDirectory
  readonly coverage: Coverage
  /** Days that this run has read whole: of these, everything is loaded. */
  readonly read: Iterable<Day>
}

/**
 * Late arrivals without what is loaded already: what was processed within the coverage of its day, and of the rest, what
 * the destination says that it has. The rest is little: events that were processed shortly before their day was read.
 */
export class LateSource implements SliceSource<Slice> {
  readonly #options: LateOptions
  /** Until when everything is loaded, by day. */
  readonly #until: Coverage

  constructor(options: LateOptions) {
    this.#options = options
    const read = [...options.read].map((day) => [day, Number.MAX_SAFE_INTEGER] as const)
    this.#until = new Map([...options.coverage, ...read])
  }

  get requestCount(): number {
    return this.#options.source.requestCount
  }

  async extract(slice: Slice, signal: AbortSignal): Promise<Extracted<Slice>> {
    const { source, loader, destination } = this.#options
    const extracted = await source.extract(slice, signal)
    if (extracted.kind !== 'spooled') return extracted
    const { since = 0 } = slice
    // What Mixpanel was asked for is not within the coverage of a day that ends before.
    const until = new Map([...this.#until].filter(([, end]) => end > since))
    const beyond = await loader.withoutLoaded(extracted.spooled, { until, identities: [] })
    const days = Object.keys(beyond.dayRows ?? {})
    if (days.length === 0 || !destination.supports.queries) return { kind: 'spooled', spooled: beyond }
    const after = new Map(days.map((day) => [day, until.get(day) ?? since]))
    const identities = await this.#identitiesAfter(after, signal)
    if (identities.length === 0) return { kind: 'spooled', spooled: beyond }
    return { kind: 'spooled', spooled: await loader.withoutLoaded(extracted.spooled, { until, identities }) }
  }

  /** Files with the identities of rows that the destination has of these days, processed after these moments. */
  async #identitiesAfter(after: ReadonlyMap<Day, number>, signal: AbortSignal): Promise<readonly string[]> {
    const { destination, spool } = this.#options
    const lines = new ChunkWriter(spool, '.identities.ndjson')
    try {
      const sql = identitiesAfter(destination.pathInViews('export'), after, destination.supports)
      const take = async (rows: readonly string[]) => {
        const block = Buffer.from(rows.map((row) => `${row}\n`).join(''))
        lines.append(block, 0, block.length)
        await lines.flush()
      }
      await destination.query(sql, take, signal)
      return (await lines.finish()).map(({ path }) => path)
    } catch (error) {
      await lines.discard()
      throw error
    }
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
