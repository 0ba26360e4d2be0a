import type { Destination, KnownColumn, LoadRecord } from '../lib/destination/contract.ts'
import { scopeOf, WHOLE } from '../lib/destination/selection.ts'
import { dayClock } from '../lib/run/project.ts'
import type { Settings } from '../lib/settings.ts'
import { missingDays, planSlices, type Slice, sliceName, wholeDays } from '../lib/slices.ts'
import { recordStreams } from '../lib/streams/index.ts'
import type { Day } from '../lib/time/days.ts'
import type { Command } from './command.ts'
import type { Output } from './output.ts'
import { openWarehouse } from './session.ts'

/** `mixload status`: what the warehouse has of each stream, from its ledger alone. Asks Mixpanel nothing. */
export const command: Command = {
  settings: [
    'destination',
    'schema',
    'bigqueryEndpoint',
    'streams',
    'timezone',
    'legacyTime',
    'memoryLimit',
    'spoolDir',
  ],
  async run({ settings, output, signal }) {
    await using warehouse = await openWarehouse(settings, output.tell, signal)
    const { destination } = warehouse
    await destination.openToRead(signal)
    const found: StreamStatus[] = []
    for (const { name, hasDays } of streamsOf(settings)) {
      const status = await statusOf(destination, settings, name, hasDays)
      if (status !== undefined) found.push(status)
    }
    for (const status of found) printStatus(output, status)
    if (found.length === 0) {
      const names = settings.streams.join(', ')
      output.print(`${names}: nothing loaded yet. Run mixload backfill --from DAY.`)
      output.json({ stream: settings.streams[0], loads: 0 })
    }
    return 0
  },
}

/** What the ledger says of a stream that has been loaded. */
interface StreamStatus {
  readonly name: string
  /** Undefined where the table is copied whole each time. */
  readonly days: { readonly lastWhole: Day | undefined; readonly gaps: readonly Slice[] } | undefined
  readonly loads: number
  readonly rows: number
  readonly rejects: number
  readonly last: LoadRecord
  readonly newColumns: readonly KnownColumn[]
}

function streamsOf(settings: Settings): readonly { readonly name: string; readonly hasDays: boolean }[] {
  return settings.streams.flatMap((name) =>
    name === 'export'
      ? [{ name, hasDays: true }]
      : recordStreams(name, settings).map((stream) => ({
          name: stream.name,
          hasDays: stream.replication === 'incremental',
        })),
  )
}

async function statusOf(
  destination: Destination,
  settings: Settings,
  name: string,
  hasDays: boolean,
): Promise<StreamStatus | undefined> {
  const ledger = await destination.ledger(name)
  const last = ledger.at(-1)
  if (last === undefined) return undefined
  const columns = await destination.columns(name)
  return {
    name,
    days: hasDays ? daysIn(ledger, settings) : undefined,
    loads: ledger.length,
    rows: ledger.reduce((total, { rowCount }) => total + rowCount, 0),
    rejects: ledger.reduce((total, { rejectCount }) => total + rejectCount, 0),
    last,
    newColumns: columns.filter(({ firstLoadId, role }) => firstLoadId === last.loadId && role !== 'fixed'),
  }
}

/** The last whole day, and the days missing between it and the first one. */
function daysIn(ledger: readonly LoadRecord[], settings: Settings): StreamStatus['days'] {
  // The days that count are those of the scope that was last requested.
  const scope = ledger.map(({ selection }) => scopeOf(selection)).findLast((requested) => requested !== undefined)
  const whole = wholeDays(ledger, scope ?? WHOLE, dayClock(settings.timezone ?? 'UTC', settings))
  const days = [...whole].sort()
  const [first] = days
  const lastWhole = days.at(-1)
  if (first === undefined || lastWhole === undefined) return { lastWhole: undefined, gaps: [] }
  return { lastWhole, gaps: planSlices(missingDays(first, lastWhole, whole), Number.POSITIVE_INFINITY) }
}

function printStatus(output: Output, { name, days, loads, rows, rejects, last, newColumns }: StreamStatus): void {
  output.json({
    stream: name,
    ...(days === undefined
      ? { rows: last.rowCount }
      : {
          last_whole_day: days.lastWhole ?? null,
          gaps: days.gaps.map(({ firstDay, lastDay }) => ({ first_day: firstDay, last_day: lastDay })),
        }),
    loads,
    rows_loaded: rows,
    rejects,
    last_loaded_at: last.loadedAt.toISOString(),
    new_columns: newColumns.map((column) => column.name),
  })
  const much =
    days === undefined
      ? `${last.rowCount} rows, copied whole ${loads} times`
      : `${rows} rows in ${loads} loads, whole to ${days.lastWhole ?? 'no day yet'}`
  output.print(`${name}: ${much}, ${rejects} lines set aside`)
  if (days !== undefined) {
    output.print(days.gaps.length === 0 ? '  no gaps' : `  gaps: ${days.gaps.map(sliceName).join(', ')}`)
  }
  const content = days === undefined ? '' : ` of ${contentOf(last)}`
  output.print(`  last load: ${last.loadedAt.toISOString()}, ${last.rowCount} rows${content}`)
  output.print(`  new columns then: ${newColumns.map((column) => column.name).join(', ') || 'none'}`)
}

/** What a load brought: the days that were asked for, what came late to them, or a file. */
function contentOf({ selection, firstDay, lastDay }: LoadRecord): string {
  const days = { firstDay: `${firstDay}`, lastDay: `${lastDay}` }
  switch (selection.kind) {
    case 'complete':
    case 'unknown':
      return sliceName(days)
    case 'late':
      return sliceName({ ...days, since: selection.since })
    case 'file':
      return sliceName(selection)
  }
}
