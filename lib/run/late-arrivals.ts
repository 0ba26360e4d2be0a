import type { Warehouse } from '../destination/warehouse.ts'
import type { Extracted, SliceSource } from '../extract/slice-source.ts'
import type { TableInput } from '../extract/table-input.ts'
import { spoolQuery } from '../load/spool-query.ts'
import type { TableLoader } from '../load/table-loader.ts'
import { hasDays, type StreamSlice } from '../slices.ts'
import type { SpoolDirectory } from '../spool/spool.ts'
import type { Day } from '../time/days.ts'
import { identitiesAfter } from '../transform/loaded-rows.ts'
import { type SpooledRows, withoutRows } from '../transform/spooled-rows.ts'
import type { Coverage } from './late-coverage.ts'

export interface LateOptions {
  /** Extracts the events that Mixpanel has processed since a point in time. */
  readonly source: SliceSource<StreamSlice>
  readonly input: TableInput
  readonly destination: Warehouse
  readonly spool: SpoolDirectory
  readonly coverage: Coverage
  /** Days that this run has read whole. All their events are loaded. */
  readonly read: Iterable<Day>
}

/**
 * Extracts late arrivals and leaves out those that are loaded already: events that were processed
 * within the coverage of their day, and events that the destination has. The latter are few. They
 * were processed shortly before their day was read.
 */
export class LateSource implements SliceSource<StreamSlice> {
  readonly #options: LateOptions
  /** The coverage of the ledger and of this run. */
  readonly #coverage: Coverage

  constructor(options: LateOptions) {
    this.#options = options
    const read = [...options.read].map((day) => [day, Number.MAX_SAFE_INTEGER] as const)
    this.#coverage = new Map([...options.coverage, ...read])
  }

  /** @throws MixloadError as the source does, and if the destination cannot be queried. */
  async extract(requested: StreamSlice, signal: AbortSignal): Promise<Extracted<StreamSlice>> {
    const extracted = await this.#options.source.extract(requested, signal)
    if (extracted.kind !== 'spooled') return extracted
    const { slice, tables } = extracted.spooled
    const since = (hasDays(slice) ? slice.since : undefined) ?? 0
    return { kind: 'spooled', spooled: { slice, tables: [await this.#withoutLoaded(tables[0], since, signal)] } }
  }

  async #withoutLoaded(rows: SpooledRows, since: number, signal: AbortSignal): Promise<SpooledRows> {
    const { input, destination } = this.#options
    // Mixpanel returned only what it processed later than this, so no earlier coverage matters.
    const until = new Map([...this.#coverage].filter(([, end]) => end > since))
    const uncovered = await input.rows.withoutLoaded(rows, { until, identities: [] })
    const days = Object.keys(uncovered.dayRows ?? {})
    if (days.length === 0 || !destination.capabilities.queries) return uncovered
    const after = new Map(days.map((day) => [day, until.get(day) ?? since]))
    const identities = await this.#identitiesAfter(after, signal)
    return identities.length === 0 ? uncovered : input.rows.withoutLoaded(rows, { until, identities })
  }

  /** Files with the identities of the destination's rows that were processed later than `after`. */
  async #identitiesAfter(after: ReadonlyMap<Day, number>, signal: AbortSignal): Promise<readonly string[]> {
    const { input, destination, spool } = this.#options
    const sql = identitiesAfter(destination.pathInViews(input.table.name), after, destination.capabilities)
    const chunks = await spoolQuery(destination, sql, spool, '.identities.ndjson', signal)
    return chunks.map(({ path }) => path)
  }
}

/** Finds the days that have late arrivals, instead of loading the arrivals. */
export class LateDays implements SliceSource<StreamSlice> {
  readonly days = new Set<Day>()
  /** Events without a day. Reading whole days again does not load them. */
  undated = 0
  readonly #source: LateSource
  readonly #inspected: { readonly slice: StreamSlice; readonly rows: SpooledRows }[] = []

  constructor(source: LateSource) {
    this.#source = source
  }

  async extract(requested: StreamSlice, signal: AbortSignal): Promise<Extracted<StreamSlice>> {
    const extracted = await this.#source.extract(requested, signal)
    if (extracted.kind !== 'spooled') return extracted
    const { slice, tables } = extracted.spooled
    const [rows] = tables
    for (const day of Object.keys(rows.dayRows ?? {})) this.days.add(day)
    this.undated += rows.summary.undated + rows.summary.outside
    this.#inspected.push({ slice, rows: { ...(await withoutRows(rows)), dayRows: {} } })
    return { kind: 'inspected' }
  }

  /** Notes in the ledger what was searched. To be called once the days have been read. */
  async note(loader: TableLoader, signal: AbortSignal): Promise<void> {
    for (const { slice, rows } of this.#inspected) await loader.load(rows, slice, signal)
  }
}
