import type { MisfitsByColumn } from '../columns/misfits.ts'
import type { KnownColumn, LoadRecord } from '../destination/contract.ts'
import { AT_ONCE } from '../destination/retries.ts'
import { scopeOf, WHOLE } from '../destination/selection.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { type HeldBack, heldBackIn, withoutNotes } from '../load/held-back.ts'
import type { Settings } from '../settings.ts'
import { planSlices, type Slice } from '../slices.ts'
import { streamsOf } from '../streams/index.ts'
import type { Stream } from '../streams/stream.ts'
import type { Day } from '../time/days.ts'
import { dayClock } from './project.ts'
import { openWarehouse, type Session } from './session.ts'
import { completeTo, missingDays, wholeDays } from './whole-days.ts'

/** What the ledger says about a stream that has been loaded. */
export interface StreamStatus {
  readonly stream: string
  /** Undefined if the whole table is copied each time. */
  readonly days: { readonly lastWhole: Day | undefined; readonly gaps: readonly Slice[] } | undefined
  /**
   * The moment to which it is complete; undefined for streams without times, and if no day is
   * whole.
   */
  readonly completeTo: Date | undefined
  /** The replacements that were held back, because they would remove too many rows. */
  readonly heldBack: readonly HeldBack[]
  readonly loads: number
  readonly rows: number
  readonly rejects: number
  /** Values that did not fit their column, by column, in the last load that had any. */
  readonly misfits: MisfitsByColumn
  /** When that load was committed, by column. */
  readonly misfitsLoadedAt: Readonly<Record<string, Date>>
  readonly last: LoadRecord
  /** The columns that the last load added. */
  readonly newColumns: readonly KnownColumn[]
}

/** What the ledger has of each stream of the settings; streams without loads are left out. */
export async function streamStatus(session: Session): Promise<readonly StreamStatus[]> {
  const { settings } = session
  await using warehouse = await openWarehouse(session, 'read', AT_ONCE)
  const found: StreamStatus[] = []
  for (const stream of settings.streams.flatMap((name) => streamsOf(name, settings))) {
    const status = await statusOf(warehouse.destination, settings, stream)
    if (status !== undefined) found.push(status)
  }
  return found
}

async function statusOf(
  destination: Warehouse,
  settings: Settings,
  { name, replication, tables }: Stream,
): Promise<StreamStatus | undefined> {
  const noted = await destination.ledger(name)
  const ledger = withoutNotes(noted)
  const last = ledger.at(-1)
  if (last === undefined) return undefined
  const columns = await destination.columns(name)
  const current = replication === 'full-table' ? [last] : ledger
  // Days are whole for the scope that was last requested.
  const scopes = ledger.map(({ selection }) => scopeOf(selection))
  const scope = scopes.findLast((requested) => requested !== undefined) ?? WHOLE
  const clock = dayClock(settings.timezone ?? last.source?.timezone ?? last.source?.clock ?? 'UTC', settings)
  return {
    stream: name,
    days: replication === 'incremental' ? daysIn(wholeDays(ledger, scope, clock)) : undefined,
    completeTo: tables[0].lines.isTimed ? completeTo(ledger, scope, clock) : undefined,
    heldBack: heldBackIn(noted),
    loads: ledger.length,
    rows: ledger.reduce((total, { rowCount }) => total + rowCount, 0),
    rejects: ledger.reduce((total, { rejectCount }) => total + rejectCount, 0),
    misfits: Object.assign({}, ...current.map(({ misfits = {} }) => misfits)),
    misfitsLoadedAt: Object.fromEntries(
      current.flatMap(({ misfits = {}, loadedAt }) => Object.keys(misfits).map((column) => [column, loadedAt])),
    ),
    last,
    newColumns: columns.filter(({ firstLoadId, role }) => firstLoadId === last.loadId && role !== 'fixed'),
  }
}

/** The last whole day, and the days missing between it and the first one. */
function daysIn(whole: ReadonlySet<Day>): StreamStatus['days'] {
  const days = [...whole].sort()
  const [first] = days
  const lastWhole = days.at(-1)
  if (first === undefined || lastWhole === undefined) return { lastWhole: undefined, gaps: [] }
  return { lastWhole, gaps: planSlices(missingDays(first, lastWhole, whole), Number.POSITIVE_INFINITY) }
}
