import { randomUUID } from 'node:crypto'
import { EXPORT_COLUMNS, ROW_COLUMN } from '../columns/catalogue.ts'
import type { Column } from '../columns/column.ts'
import { MixloadError } from '../core/errors.ts'
import { quoteName } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import type { DestinationCapabilities, LoadRecord, RowChange } from '../destination/contract.ts'
import { eventIdOf } from '../destination/event-key.ts'
import { LEDGER_FORM, NO_ROWS } from '../destination/load-rules.ts'
import { isNumbered } from '../destination/superseded.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { OnProgress } from '../progress.ts'
import { viewsOver } from '../views/views.ts'
import { TableWriter } from './table-writer.ts'

/** The table of events, whose rows have numbers and ids. */
export const EVENTS_TABLE = 'export'

/**
 * Brings events that an earlier version loaded to the present form: numbers the rows, computes
 * `event_id` by the present rule, and finds the superseded rows. Can be repeated if it is killed.
 * Does nothing if that was done before, or if there are no events.
 * @returns whether there was something to do.
 */
export async function upgradeEvents(
  destination: Warehouse,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<boolean> {
  const existing = await destination.columns(EVENTS_TABLE)
  const loads = await destination.ledger(EVENTS_TABLE)
  // Newer versions load only after an upgrade, which is a load of its own.
  const isDone = isNumbered(existing) && [loads[0], ...loads].some(isPresent)
  if (loads.length === 0 || existing.length === 0 || isDone) return false
  onProgress({
    kind: 'warning',
    message: `${destination.description} was loaded by an earlier version. Its events are brought to the present form, once.`,
  })
  assertNamesFree(destination, EVENTS_TABLE, existing, EXPORT_COLUMNS)
  const missing = EXPORT_COLUMNS.filter(({ name }) => !existing.some((column) => column.name === name))
  await destination.addColumns(
    EVENTS_TABLE,
    missing.map((column) => ({ ...column, firstLoadId: randomUUID() })),
  )
  const columns = await destination.columns(EVENTS_TABLE)
  await destination.changeRows(presentForm(destination.capabilities, columns), signal)
  // The views come last: until the copies are found, those of the earlier version leave them out.
  await findCopies(destination, signal, false)
  await destination.putViews(await viewsOver(destination, EVENTS_TABLE))
  return true
}

/**
 * Finds the superseded rows of all events again, for example after rows were deleted by hand. Does
 * nothing if there are no events.
 */
export async function findCopies(destination: Warehouse, signal: AbortSignal, isAgain = true): Promise<void> {
  const loads = await destination.ledger(EVENTS_TABLE)
  if (loads.length === 0 || !isNumbered(await destination.columns(EVENTS_TABLE))) return
  const source = loads.findLast((load) => load.source !== undefined)?.source
  const writer = new TableWriter(destination, EVENTS_TABLE, [])
  const selection = { kind: 'upgrade', form: LEDGER_FORM, isAgain } as const
  const note = writer.request(NO_ROWS, { kind: 'append' }, { selection, startedAt: new Date(), source })
  await writer.load(note, signal)
}

/**
 * @throws MixloadError CONFIG_INVALID if a property has a column whose name mixload needs, because
 *   an earlier version did not need it.
 */
export function assertNamesFree(
  { description }: Pick<Warehouse, 'description'>,
  table: string,
  existing: readonly Column[],
  own: readonly Column[],
): void {
  const taken = existing.find(({ name, role }) => role !== 'fixed' && own.some((column) => column.name === name))
  if (taken === undefined) return
  throw new MixloadError(
    'CONFIG_INVALID',
    `The table ${table} of ${description} has the property ${taken.property} in the column ${taken.name}, which ` +
      'mixload needs now. Load into another schema: --schema.',
  )
}

/** Whether all loads up to this one have the present form: it is the first one, or the upgrade. */
function isPresent(load: LoadRecord | undefined, at: number): boolean {
  return (
    (load?.form ?? 1) >= LEDGER_FORM && (at === 0 || (load?.selection.kind === 'upgrade' && !load.selection.isAgain))
  )
}

/** Events without an `$insert_id` keep their id, because their line is not in the table. */
function presentForm({ dialect, nameQuote }: DestinationCapabilities, columns: readonly Column[]): RowChange {
  const nameOf = ({ name }: Column) => quoteName(name, nameQuote)
  const id = eventIdOf(dialect, columns, {
    second: sqlText(dialect, 'second', { time: 'time' }).trim(),
    insertId: 'mp_insert_id',
    sqlOf: nameOf,
  })
  return {
    table: EVENTS_TABLE,
    values: {
      event_id: `CASE WHEN mp_insert_id <> '' THEN ${id} ELSE event_id END`,
      [ROW_COLUMN]: sqlText(dialect, 'row_number', {}).trim(),
    },
    where: `${ROW_COLUMN} IS NULL`,
  }
}
