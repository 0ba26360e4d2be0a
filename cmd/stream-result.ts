import type { MixloadError } from '../lib/core/errors.ts'
import type { LoadRecord } from '../lib/destination/contract.ts'
import type { MixpanelClient } from '../lib/mixpanel/client.ts'
import type { RunEvent, Tell } from '../lib/progress.ts'
import { lateRows } from '../lib/run/late-rows.ts'
import type { RecordRunSummary } from '../lib/run/run-records.ts'
import type { RunSummary } from '../lib/run/run-slices.ts'
import type { Day } from '../lib/time/days.ts'
import type { ExportSummary } from './run-export.ts'
import type { StreamPlan } from './stream-plan.ts'

/** What became of a stream in a run. */
export interface StreamResult {
  readonly stream: string
  readonly outcome: 'done' | 'skipped' | 'failed'
  /** Why it was not done. */
  readonly error: MixloadError | undefined
  /** Days that were to be read; undefined where the table was to be copied whole. */
  readonly days: number | undefined
  readonly slices: number
  readonly requests: number
  /** Rows of its own table. */
  readonly rows: number
  /** Rows of tables that hang on it, by table. */
  readonly otherRows: Readonly<Record<string, number>>
  /** How many rows came late, by day; negative where rows are gone. Undefined where rows are not counted by day. */
  readonly late: ReadonlyMap<Day, number> | undefined
  readonly newColumns: number
  readonly rejects: number
  readonly bytes: number
  readonly undated: number
  readonly outside: number
  readonly ignoredValues: number
  readonly setAside: RunSummary['setAside']
  /** Funnels and cohorts that Mixpanel refused, by name, and why. */
  readonly leftOut: ReadonlyMap<string, MixloadError>
  readonly seconds: number
}

/** 1 where a stream failed; 3 where one was skipped, or something of one was set aside; else 0. */
export function exitCodeOf(results: readonly StreamResult[]): number {
  if (results.some(({ outcome }) => outcome === 'failed')) return 1
  return results.every(isWhole) ? 0 : 3
}

function isWhole({ outcome, setAside, leftOut, rejects }: StreamResult): boolean {
  return outcome === 'done' && setAside.length === 0 && leftOut.size === 0 && rejects === 0
}

/** A stream under way: what of it is committed, and how many requests it took, also when it ends in a failure. */
export class StreamTally {
  readonly plan: StreamPlan
  readonly #client: MixpanelClient
  readonly #requestsBefore: number
  readonly #startedAt = performance.now()
  readonly loads: LoadRecord[] = []
  newColumns = 0
  readonly #leftOut = new Map<string, MixloadError>()

  constructor(plan: StreamPlan, client: MixpanelClient) {
    this.plan = plan
    this.#client = client
    this.#requestsBefore = client.requestCount
  }

  /** The same `tell`, listened to. */
  listen(tell: Tell): Tell {
    return (event) => {
      this.#take(event)
      tell(event)
    }
  }

  #take(event: RunEvent): void {
    if (event.kind === 'slice-loaded' || event.kind === 'records-loaded') this.loads.push(event.record)
    if (event.kind === 'records-left-out') this.#leftOut.set(event.name, event.error)
    if (event.kind === 'columns-added') this.newColumns += event.columns.length
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000
  }

  /** Of a stream that did not come to its end. */
  unfinished(outcome: 'skipped' | 'failed', error: MixloadError): StreamResult {
    const own = this.loads.filter(({ stream }) => stream === this.plan.name)
    return {
      ...this.#begun(own),
      outcome,
      error,
      requests: this.#client.requestCount - this.#requestsBefore,
      newColumns: this.newColumns,
      rows: sumOf(own, ({ rowCount }) => rowCount),
      otherRows: {},
      rejects: sumOf(this.loads, ({ rejectCount }) => rejectCount),
      bytes: sumOf(own, ({ byteCount }) => byteCount),
      undated: 0,
      outside: 0,
      ignoredValues: 0,
      setAside: [],
    }
  }

  ofEvents(summary: ExportSummary): StreamResult {
    const { loads, rows, newColumns, rejects, bytes, requests, undated, outside, ignoredValues, setAside } = summary
    const numbers = { rows, newColumns, rejects, bytes, requests, undated, outside, ignoredValues }
    return { ...this.#begun(loads), outcome: 'done', error: undefined, ...numbers, otherRows: {}, setAside }
  }

  ofRecords({ rows, newColumns, rejects, bytes, requests, ignoredValues, tables }: RecordRunSummary): StreamResult {
    const [own, ...others] = tables
    const otherRows = others.map(({ table, loads }) => [table, sumOf(loads, ({ rowCount }) => rowCount)] as const)
    const numbers = { rows, newColumns, rejects, bytes, requests, ignoredValues, undated: 0, outside: 0 }
    return {
      ...this.#begun(own?.loads ?? []),
      outcome: 'done',
      error: undefined,
      ...numbers,
      otherRows: Object.fromEntries(otherRows),
      setAside: [],
    }
  }

  #begun(loads: readonly LoadRecord[]) {
    const { name, days, ledger, clock, stream } = this.plan
    return {
      stream: name,
      days: days?.length,
      slices: loads.length,
      late: stream === undefined ? lateRows(ledger, loads, clock) : undefined,
      leftOut: this.#leftOut,
      seconds: this.seconds,
    }
  }
}

function sumOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
