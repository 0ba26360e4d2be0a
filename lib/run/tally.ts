import { addMisfits, type MisfitsByColumn } from '../columns/misfits.ts'
import type { MixloadError } from '../core/errors.ts'
import type { LoadRecord } from '../destination/contract.ts'
import { Usage } from '../mixpanel/requester.ts'
import type { OnProgress, ProgressEvent } from '../progress.ts'
import type { AnySlice } from '../slices.ts'
import type { Stream } from '../streams/stream.ts'
import type { Day } from '../time/days.ts'

/** A slice that stayed incomplete in this run, and why. The next run requests it again. */
export interface SkippedSlice {
  readonly slice: AnySlice
  readonly error: MixloadError
}

/** An item of a stream, such as a funnel, that Mixpanel refused, and why. */
export interface SkippedItem {
  readonly name: string
  readonly error: MixloadError
}

/** What a run did with one stream, as numbers and lists. */
export interface StreamSummary {
  readonly stream: string
  /** Slices that were loaded. */
  readonly slices: number
  readonly requests: number
  /** Rows loaded into the stream's own table. */
  readonly rows: number
  /** Rows loaded into tables that depend on it, by table. */
  readonly otherRows: Readonly<Record<string, number>>
  /** Columns added, and lines rejected, in all of its tables. */
  readonly newColumns: number
  readonly rejects: number
  /** Bytes received, decompressed. */
  readonly bytes: number
  /** Rows without a usable time, and rows dated outside their slice; both are loaded. */
  readonly undated: number
  readonly outside: number
  /** Values left out because their property is not wanted. */
  readonly ignoredValues: number
  /** Values that do not fit their column, by table. */
  readonly misfits: Readonly<Record<string, MisfitsByColumn>>
  /** Slices whose content was in the ledger already. */
  readonly alreadyLoaded: readonly AnySlice[]
  readonly skippedSlices: readonly SkippedSlice[]
  readonly skippedItems: readonly SkippedItem[]
  readonly seconds: number
}

/** The result of a stream in a run that loads from Mixpanel. */
export interface StreamResult extends StreamSummary {
  /** `skipped`: the plan or the permissions do not include the stream. */
  readonly outcome: 'done' | 'skipped' | 'failed'
  /** Why it is not done. */
  readonly error: MixloadError | undefined
  /** How many days were planned; undefined if the whole table is copied. */
  readonly days: number | undefined
  /** Rows that came late, by day; negative if rows are gone. Undefined if not counted by day. */
  readonly late: ReadonlyMap<Day, number> | undefined
  /**
   * The moment up to which the warehouse has every event that Mixpanel had at the time of reading.
   * Undefined for streams without times, and if no day is whole.
   */
  readonly completeTo: Date | undefined
}

/** Counts the progress of a stream, so that the numbers are right even if the stream fails. */
export class StreamTally {
  /** What its requests took: its requester counts here. */
  readonly usage = new Usage()
  /** What was loaded into the stream's own table. */
  readonly loads: LoadRecord[] = []
  readonly skippedSlices: SkippedSlice[] = []
  readonly #stream: Pick<Stream, 'name' | 'tables'>
  readonly #startedAt = performance.now()
  readonly #alreadyLoaded: AnySlice[] = []
  readonly #skipped = new Map<string, SkippedItem>()
  readonly #otherRows = new Map<string, number>()
  readonly #misfits = new Map<string, MisfitsByColumn>()
  readonly #counts = { newColumns: 0, rejects: 0, undated: 0, outside: 0, ignoredValues: 0 }

  constructor(stream: Pick<Stream, 'name' | 'tables'>) {
    this.#stream = stream
  }

  /** A receiver that counts each event before it passes it on. */
  listen(onProgress: OnProgress): OnProgress {
    return (event) => {
      this.#take(event)
      onProgress(event)
    }
  }

  #take(event: ProgressEvent): void {
    switch (event.kind) {
      case 'slice-loaded':
        this.#takeLoad(event)
        break
      case 'slice-already-loaded':
        this.#alreadyLoaded.push(event.slice)
        break
      case 'slice-skipped':
        this.skippedSlices.push({ slice: event.slice, error: event.error })
        break
      case 'item-skipped':
        // An item may be refused in each slice.
        this.#skipped.delete(event.name)
        this.#skipped.set(event.name, { name: event.name, error: event.error })
        break
      case 'columns-added':
        this.#counts.newColumns += event.columns.length
    }
  }

  #takeLoad(event: Extract<ProgressEvent, { kind: 'slice-loaded' }>): void {
    const { table, record } = event
    const [own, ...others] = this.#stream.tables.map(({ name }) => name)
    if (table === own) this.loads.push(record)
    else if (others.includes(table)) {
      this.#otherRows.set(table, (this.#otherRows.get(table) ?? 0) + record.rowCount)
    }
    if (record.misfits !== undefined) {
      this.#misfits.set(table, addMisfits(this.#misfits.get(table) ?? {}, record.misfits))
    }
    this.#counts.rejects += record.rejectCount
    this.#counts.undated += event.undated
    this.#counts.outside += event.outside
    this.#counts.ignoredValues += event.ignoredValues
  }

  summary(): StreamSummary {
    return {
      stream: this.#stream.name,
      slices: this.loads.length,
      requests: this.usage.requests,
      rows: sumOf(this.loads, ({ rowCount }) => rowCount),
      otherRows: Object.fromEntries(this.#otherRows),
      ...this.#counts,
      misfits: Object.fromEntries(this.#misfits),
      bytes: sumOf(this.loads, ({ byteCount }) => byteCount),
      alreadyLoaded: this.#alreadyLoaded,
      skippedSlices: this.skippedSlices,
      skippedItems: [...this.#skipped.values()],
      seconds: (performance.now() - this.#startedAt) / 1000,
    }
  }
}

function sumOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
