import type { KnownColumn, LoadRecord } from '../lib/destination.ts'
import { dayClock } from '../lib/project.ts'
import { missingDays, planSlices, sliceName, wholeDays } from '../lib/slices.ts'
import { loadedFile } from '../lib/streams/export.ts'
import type { Day } from '../lib/time/days.ts'
import type { Command } from './command.ts'
import { openWarehouse } from './session.ts'

/** `mixload status`: what the warehouse has, from its ledger alone. Asks Mixpanel nothing. */
export const command: Command = {
  settings: ['destination', 'schema', 'bigqueryEndpoint', 'timezone', 'legacyTime', 'memoryLimit', 'spoolDir'],
  async run({ settings, output, signal }) {
    await using warehouse = await openWarehouse(settings, output.tell, signal)
    const { destination } = warehouse
    await destination.openToRead(signal)
    const ledger = await destination.ledger('export')
    const last = ledger.at(-1)
    if (last === undefined) {
      output.print('export: nothing loaded yet. Run mixload backfill --from DAY.')
      output.json({ stream: 'export', loads: 0 })
      return 0
    }
    const asked = ledger.findLast(({ selection }) => loadedFile(selection) === undefined)
    const whole = wholeDays(ledger, asked?.selection ?? '', dayClock(settings.timezone ?? 'UTC', settings))
    const gaps = gapsIn(whole)
    const columns = newestColumns(await destination.columns('export'), last)
    const rows = ledger.reduce((total, { rowCount }) => total + rowCount, 0)
    const rejects = ledger.reduce((total, { rejectCount }) => total + rejectCount, 0)
    const lastDay = [...whole].sort().at(-1) ?? null
    output.json({
      stream: 'export',
      last_whole_day: lastDay,
      loads: ledger.length,
      rows_loaded: rows,
      rejects,
      gaps: gaps.map(({ firstDay, lastDay: end }) => ({ first_day: firstDay, last_day: end })),
      last_loaded_at: last.loadedAt.toISOString(),
      new_columns: columns.map(({ name }) => name),
    })
    output.print(
      `export: ${rows} rows in ${ledger.length} loads, whole to ${lastDay ?? 'no day yet'}, ${rejects} lines set aside`,
    )
    output.print(gaps.length === 0 ? '  no gaps' : `  gaps: ${gaps.map(sliceName).join(', ')}`)
    output.print(`  last load: ${last.loadedAt.toISOString()}, ${last.rowCount} rows of ${contentOf(last)}`)
    output.print(`  new columns then: ${columns.map(({ name }) => name).join(', ') || 'none'}`)
    return 0
  },
}

/** What a load brought: the days that were asked for, or a file. */
function contentOf({ selection, firstDay, lastDay }: LoadRecord): string {
  const file = loadedFile(selection)
  return file === undefined ? `${firstDay} to ${lastDay}` : sliceName(file)
}

/** The days missing between the first whole day and the last. */
function gapsIn(whole: ReadonlySet<Day>) {
  const days = [...whole].sort()
  const [first] = days
  const last = days.at(-1)
  if (first === undefined || last === undefined) return []
  return planSlices(missingDays(first, last, whole), Number.POSITIVE_INFINITY)
}

function newestColumns(columns: readonly KnownColumn[], last: LoadRecord): readonly KnownColumn[] {
  return columns.filter(({ firstLoadId, role }) => firstLoadId === last.loadId && role !== 'fixed')
}
