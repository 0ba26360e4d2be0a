import { MixloadError } from '../core/errors.ts'
import { SUPERSEDED } from '../destination/ledger.ts'
import { NO_ROWS } from '../destination/load-rules.ts'
import { AT_ONCE, DESTINATION_RETRIES } from '../destination/retries.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { TableWriter } from '../load/table-writer.ts'
import { EVENTS_TABLE, upgradeEvents } from '../load/upgrade-events.ts'
import { assertInOrder } from '../run/choose-days.ts'
import { daysToRead } from '../run/project.ts'
import { openWarehouse, type Session } from '../run/session.ts'
import { assertSameProject, projectOf } from '../run/source.ts'
import { streamsOf, tableNames } from '../streams/index.ts'
import { onDay, removableRows, type TidiedTable } from './removable-rows.ts'
import { planTable, type TablePlan, type TidiedDay, type TidyOptions, type TidyResult } from './tidy-plan.ts'

/**
 * Removes rows that only cost space, one day in each commit, and makes their space usable again. No
 * view shows other rows than before. A dry run counts the rows and changes nothing.
 * @returns a result for each table in which there is something to do.
 * @throws MixloadError CONFIG_INVALID if the destination cannot remove rows, has no tables, or has
 *   those of another project.
 */
export async function tidyTables(session: Session, isDryRun: boolean): Promise<readonly TidyResult[]> {
  const { settings, onProgress, signal } = session
  // Opened to read first: without tables, nothing must be created in the destination.
  await using warehouse = await openWarehouse(session, 'read', isDryRun ? AT_ONCE : DESTINATION_RETRIES)
  const { destination } = warehouse
  if (destination.capabilities.removesRows !== true) {
    throw new MixloadError('CONFIG_INVALID', `${destination.description} cannot remove rows, so it cannot be tidied.`)
  }
  const loads = await destination.allLoads()
  if (loads.length === 0) {
    const message = `${destination.description} has no tables yet. Run mixload backfill first.`
    throw new MixloadError('CONFIG_INVALID', message)
  }
  if (settings.projectId !== undefined) await assertSameProject(destination, projectOf(settings))
  const zone = settings.timezone ?? loads.findLast(({ source }) => source?.timezone !== undefined)?.source?.timezone
  const days = daysToRead(settings, zone ?? 'UTC', Date.now())
  const { from } = days
  const to = settings.to === undefined ? undefined : days.last
  if (to !== undefined) assertInOrder(from, to)
  if (!isDryRun) {
    await destination.open(signal)
    await upgradeEvents(destination, onProgress, signal)
  }
  const options = { from, to, onProgress, signal }
  const results: TidyResult[] = []
  for (const name of tablesOf(session)) {
    const plan = await planTable(destination, name, options)
    if (plan === undefined) continue
    if (!isDryRun) await tidyTable(destination, plan, options)
    results.push(plan.result)
  }
  // A run that was killed may have left space to reclaim in any table.
  if (!isDryRun) await destination.reclaimSpace(await existingTables(destination, session), signal)
  return results
}

/** The tables of the streams in the settings. */
function tablesOf({ settings }: Session): readonly string[] {
  return tableNames(
    settings.streams.flatMap((name) => streamsOf(name, settings)),
    settings,
  )
}

async function existingTables(destination: Warehouse, session: Session): Promise<readonly string[]> {
  const tables: string[] = []
  for (const name of tablesOf(session)) {
    if ((await destination.columns(name)).length > 0) tables.push(name)
  }
  return tables.includes(EVENTS_TABLE) ? [...tables, SUPERSEDED.name] : tables
}

/** Does what a plan says, one day in each commit. */
export async function tidyTable(
  destination: Warehouse,
  { table, days, result }: TablePlan,
  { onProgress, signal }: TidyOptions,
): Promise<void> {
  onProgress({ kind: 'tidy-started', table: table.name, rows: result.rows, days: days.length })
  for (const day of days) {
    await removeDay(destination, table, day, signal)
    onProgress({ kind: 'day-tidied', table: table.name, ...day })
  }
}

/** Removes the rows of one day in one commit, which the ledger notes. */
async function removeDay(
  destination: Warehouse,
  table: TidiedTable,
  { day, rows }: TidiedDay,
  signal: AbortSignal,
): Promise<void> {
  const where = rows === 0 ? undefined : removableRows(destination.capabilities, table, onDay(day))
  const { source } = (await destination.ledger(table.name)).findLast((load) => load.source !== undefined) ?? {}
  const details = { firstDay: day, lastDay: day, selection: { kind: 'tidy', removed: rows } as const, source }
  const writer = new TableWriter(destination, table.name, [])
  const note = writer.request(NO_ROWS, { kind: 'append' }, { ...details, startedAt: new Date() })
  const removal = { day, where: where ?? 'false', rowCount: rows }
  await destination.load(note.relation, { ...note.target, removal }, note.record, signal)
}
