import { misfitsSentence } from '../lib/columns/misfits.ts'
import type { LoadRecord } from '../lib/destination/contract.ts'
import { type StreamStatus, streamStatus } from '../lib/run/status.ts'
import { rowsName, sliceName } from '../lib/slices.ts'
import type { Command } from './command.ts'
import { counted } from './counted.ts'
import { timezoneFlag, WAREHOUSE_SETTINGS } from './load-settings.ts'
import type { Output } from './output.ts'
import { sessionOf } from './session.ts'
import { utcMinute } from './stream-report.ts'

/** `mixload status`: shows what the warehouse has of each stream, by its ledger alone. */
export const command: Command = {
  settings: [...WAREHOUSE_SETTINGS, 'streams', 'timezone', 'legacyTime'],
  options: timezoneFlag('that of the last load'),
  async run(context) {
    const { settings, output } = context
    const found = await streamStatus(sessionOf(context))
    for (const status of found) printStatus(output, status)
    if (found.length === 0) {
      const names = settings.streams.join(', ')
      output.print(`${names}: nothing loaded yet. Run mixload backfill --from DAY.`)
      output.json({ stream: settings.streams[0], loads: 0 })
    }
    return 0
  },
}

function printStatus(output: Output, status: StreamStatus): void {
  const { stream, days, completeTo, heldBack, loads, rows, rejects, misfits, misfitsLoadedAt, last, newColumns } =
    status
  output.json({
    stream,
    ...(days === undefined
      ? { rows: last.rowCount }
      : {
          last_whole_day: days.lastWhole ?? null,
          gaps: days.gaps.map(({ firstDay, lastDay }) => ({ first_day: firstDay, last_day: lastDay })),
        }),
    ...(completeTo === undefined ? {} : { complete_to: completeTo.toISOString() }),
    held_back: heldBack.map(({ firstDay, lastDay, ...numbers }) => ({
      ...(firstDay === null ? {} : { first_day: firstDay, last_day: lastDay }),
      ...numbers,
    })),
    loads,
    rows_loaded: rows,
    rejects,
    type_conflicts: misfits,
    project_id: last.source?.project ?? null,
    region: last.source?.region ?? null,
    last_loaded_at: last.loadedAt.toISOString(),
    new_columns: newColumns.map((column) => column.name),
  })
  const amount =
    days === undefined
      ? `${counted(last.rowCount, 'row')}, copied whole ${counted(loads, 'time')}`
      : `${counted(rows, 'row')} loaded in ${counted(loads, 'load')}, whole to ${days.lastWhole ?? 'no day yet'}`
  output.print(`${stream}: ${amount}, ${counted(rejects, 'line')} rejected`)
  if (days !== undefined) {
    output.print(days.gaps.length === 0 ? '  no gaps' : `  gaps: ${days.gaps.map(sliceName).join(', ')}`)
  }
  if (completeTo !== undefined) output.print(`  complete to ${utcMinute(completeTo)}`)
  for (const { firstDay, lastDay, table, before, after } of heldBack) {
    const rows = firstDay && lastDay ? rowsName(table, { firstDay, lastDay }) : table
    output.print(`  held back: ${rows}: Mixpanel returned ${counted(after, 'row')}, the warehouse has ${before}`)
  }
  if (heldBack.length > 0) {
    const name = stream.startsWith('group_') ? 'groups' : stream
    const command = `mixload sync --streams ${name}${days === undefined ? '' : ' --write replace'}`
    output.print(`  ${command} tries again; with --max-removed 100%, the old rows go`)
  }
  for (const [column, values] of Object.entries(misfits)) {
    const day = misfitsLoadedAt[column]?.toISOString().slice(0, 10)
    output.print(`  type conflict of ${misfitsSentence(column, values)} (in the load of ${day})`)
  }
  const content = days === undefined ? '' : ` of ${contentOf(last)}`
  output.print(`  last load: ${last.loadedAt.toISOString()}, ${counted(last.rowCount, 'row')}${content}`)
  const { project, region } = last.source ?? {}
  if (project !== undefined) output.print(`  project: ${project}${region === undefined ? '' : ` (${region})`}`)
  output.print(`  new columns then: ${newColumns.map((column) => column.name).join(', ') || 'none'}`)
}

/** What a load covers: the requested days, their late arrivals, or a file. */
function contentOf({ selection, firstDay, lastDay }: LoadRecord): string {
  if (selection.kind === 'file') return sliceName(selection)
  const since = selection.kind === 'late' ? { since: selection.since } : {}
  return sliceName({ firstDay: `${firstDay}`, lastDay: `${lastDay}`, ...since })
}
