import type { Warehouse } from '../destination/warehouse.ts'
import type { Extracted, SliceSource } from '../extract/slice-source.ts'
import type { TableInput } from '../extract/table-input.ts'
import { spoolQuery } from '../load/spool-query.ts'
import type { TableLoader } from '../load/table-loader.ts'
import { hasDays, type StreamSlice } from '../slices.ts'
import type { SpoolDirectory } from '../spool/spool.ts'
import type { Day } from '../time/days.ts'
import { identitiesAfter } from '../transform/loaded-rows.ts'
import { discardRows, type SpooledRows } from '../transform/spooled-rows.ts'
import type { Coverage } from './late-coverage.ts'

export interface LateOptions {
  /** Brings what was processed since a moment. */
  readonly source: SliceSource<StreamSlice>
  readonly input: TableInput
  readonly destination: Warehouse
  readonly spool: SpoolDirectory
  readonly coverage: Coverage
  /** Days that this run has read whole: of these, everything is loaded. */
  readonly read: Iterable<Day>
}

/**
 * Late arrivals without what is loaded: what was processed within the coverage of its day, and what
 * the destination has, which is little: events processed shortly before their day was read.
 */
export class LateSource implements SliceSource<StreamSlice> {
  readonly #options: LateOptions
  /** Until when everything is loaded, by day. */
  readonly #until: Coverage

  constructor(options: LateOptions) {
    this.#options = options
    const read = [...options.read].map((day) => [day, Number.MAX_SAFE_INTEGER] as const)
    this.#until = new Map([...options.coverage, ...read])
  }

  get sliceFailures() {
    return this.#options.source.sliceFailures
  }

  /** @throws MixloadError as the source does, and where the destination cannot be asked. */
  async extract(requested: StreamSlice, signal: AbortSignal): Promise<Extracted<StreamSlice>> {
    const extracted = await this.#options.source.extract(requested, signal)
    if (extracted.kind !== 'spooled') return extracted
    const { slice, tables } = extracted.spooled
    const since = (hasDays(slice) ? slice.since : undefined) ?? 0
    return { kind: 'spooled', spooled: { slice, tables: [await this.#withoutLoaded(tables[0], since, signal)] } }
  }

  async #withoutLoaded(rows: SpooledRows, since: number, signal: AbortSignal): Promise<SpooledRows> {
    const { input, destination } = this.#options
    // What Mixpanel was asked for is not within the coverage of a day that ends before.
    const until = new Map([...this.#until].filter(([, end]) => end > since))
    const beyond = await input.rows.withoutLoaded(rows, { until, identities: [] })
    const days = Object.keys(beyond.dayRows ?? {})
    if (days.length === 0 || !destination.capabilities.queries) return beyond
    const after = new Map(days.map((day) => [day, until.get(day) ?? since]))
    const identities = await this.#identitiesAfter(after, signal)
    return identities.length === 0 ? beyond : input.rows.withoutLoaded(rows, { until, identities })
  }

  /**
   * Files with the identities of the destination's rows of these days, processed later than this.
   */
  async #identitiesAfter(after: ReadonlyMap<Day, number>, signal: AbortSignal): Promise<readonly string[]> {
    const { input, destination, spool } = this.#options
    const sql = identitiesAfter(destination.pathInViews(input.table.name), after, destination.capabilities)
    const chunks = await spoolQuery(destination, sql, spool, '.identities.ndjson', signal)
    return chunks.map(({ path }) => path)
  }
}

/** Finds out of which days late arrivals are, in the place of loading them. */
export class LateDays implements SliceSource<StreamSlice> {
  readonly days = new Set<Day>()
  /** Events that are of no day, which no reading of whole days would bring. */
  undated = 0
  readonly #source: LateSource
  readonly #looked: { readonly slice: StreamSlice; readonly rows: SpooledRows }[] = []

  constructor(source: LateSource) {
    this.#source = source
  }

  get sliceFailures() {
    return this.#source.sliceFailures
  }

  async extract(requested: StreamSlice, signal: AbortSignal): Promise<Extracted<StreamSlice>> {
    const extracted = await this.#source.extract(requested, signal)
    if (extracted.kind !== 'spooled') return extracted
    const { slice, tables } = extracted.spooled
    const [{ kept: _, ...rows }] = tables
    await discardRows(rows)
    for (const day of Object.keys(rows.dayRows ?? {})) this.days.add(day)
    this.undated += rows.summary.undated + rows.summary.outside
    const summary = { ...rows.summary, rows: 0, rejects: 0 }
    const none = { lines: [], rejects: [], fields: [], hasOverflow: false, summary, dayRows: {} }
    this.#looked.push({ slice, rows: { ...rows, ...none } })
    return { kind: 'looked-at' }
  }

  /** Has the ledger say that everything was looked for, once these days have been read. */
  async note(loader: TableLoader, signal: AbortSignal): Promise<void> {
    for (const { slice, rows } of this.#looked) await loader.load(rows, slice, signal)
  }
}
