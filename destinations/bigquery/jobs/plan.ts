import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { MixloadError } from '../../../lib/core/errors.ts'
import type { Load, LoadRows } from '../../../lib/destination/contract.ts'
import { DAY_COLUMN, removeStatement } from '../../../lib/destination/load-rules.ts'
import { type Engine, interruptible } from '../../../lib/engine/engine.ts'
import type { Day } from '../../../lib/time/days.ts'
import type { Table, Tables } from '../api/tables.ts'
import type { FileRange } from '../uploads/file-ranges.ts'
import { splitFiles } from '../uploads/split-files.ts'
import { type UnloadOptions, unloadRejects, unloadRows } from '../uploads/unload.ts'
import { type PendingLoad, partitionOf, rejectsStage, rowsStage } from './pending-loads.ts'

/** A load whose files are written, or are being written while the first job uploads them. */
export interface LoadPlan {
  readonly pending: PendingLoad
  /** Undefined if no job writes it. */
  readonly table: Table | undefined
  /** What to upload, by table or partition. A target without uploads is emptied. */
  readonly uploads: ReadonlyMap<string, readonly (readonly FileRange[])[]>
  readonly rejects: readonly FileRange[]
  /** The statement that removes rows. Undefined if there is nothing to remove. */
  readonly removal: string | undefined
  /** Resolves when nothing writes files any more, whether or not that has failed. */
  readonly written: Promise<void>
}

export interface PlanOptions extends UnloadOptions {
  readonly engine: Engine
  readonly tables: Pick<Tables, 'path'>
  readonly fileBytesMax: number
}

/** Fewer rows are written before an upload could begin, so they are written and checked first. */
const ROWS_STREAMED_MIN = 10_000

/**
 * Writes the files of a load and plans its jobs. Everything wrong with a load that can be known
 * without BigQuery is found here, before the first job. Only many rows that go into one file may
 * still be being written when this returns.
 * @param signal also stops the writing.
 */
export async function planLoad(
  options: PlanOptions,
  load: Load,
  table: Table | undefined,
  signal: AbortSignal,
): Promise<LoadPlan> {
  const { connection, engine } = options
  const { mode, record, rows, superseded, removal } = load
  if (mode.kind === 'replace-days') assertReplaceable(load, table)
  await engine.makeRoomFor(rows?.columns.length ?? 0, connection)
  const rejects = await interruptible(connection, signal, () => rejectsOf(options, load))
  const { uploads, written } = rows === undefined ? NO_ROWS : await uploadsOf(options, load, rows, signal)
  const isRemoving = removal !== undefined && removal.rowCount > 0
  const token = randomUUID().slice(0, 8)
  const pending: PendingLoad = {
    token,
    record,
    table: load.table,
    mode,
    hasRows: table !== undefined && (rows !== undefined || mode.kind !== 'append'),
    hasRejects: rejects.length > 0,
    supersedes: superseded !== undefined,
    ...(isRemoving ? { removes: true } : {}),
    stages: [
      ...(rejects.length > 0 ? [rejectsStage({ token })] : []),
      ...[...uploads].filter(([, groups]) => groups.length > 1).map(([name]) => rowsStage({ token }, name)),
    ],
  }
  const statement = isRemoving ? removeStatement(options.tables.path(load.table), removal) : undefined
  return { pending, table, uploads, rejects, removal: statement, written }
}

type Uploads = Pick<LoadPlan, 'uploads' | 'written'>

const NO_ROWS: Uploads = { uploads: new Map(), written: Promise.resolve() }

async function uploadsOf(
  options: PlanOptions,
  { table, mode, record }: Load,
  rows: LoadRows,
  signal: AbortSignal,
): Promise<Uploads> {
  const { connection, fileBytesMax } = options
  const { growing, write } = await unloadRows(options, rows, mode, record.stream)
  const files = interruptible(connection, signal, write)
  const nameOf = (day: Day | undefined) => (day === undefined ? table : partitionOf(table, day))
  // What a row has beside its event, such as the names of columns, repeats and compresses well.
  if (growing !== undefined && rows.rowCount >= ROWS_STREAMED_MIN && record.byteCount <= fileBytesMax / 2) {
    const end = files.then(async () => (await stat(growing)).size)
    const written = end.then(
      () => {},
      () => {},
    )
    const day = mode.kind === 'replace-days' ? mode.firstDay : undefined
    return { uploads: new Map([[nameOf(day), [[{ path: growing, start: 0, end }]]]]), written }
  }
  const uploads = new Map<string, readonly (readonly FileRange[])[]>()
  for (const { day, paths } of await files) uploads.set(nameOf(day), await splitFiles(paths, fileBytesMax))
  signal.throwIfAborted()
  return { uploads, written: Promise.resolve() }
}

function assertReplaceable({ table: name, mode, rows }: Load, table: Table | undefined): void {
  if (mode.kind !== 'replace-days') return
  const fail = (why: string) => new MixloadError('DESTINATION_FAILED', `Days of ${name} cannot be replaced: ${why}`)
  if (table !== undefined && table.dayColumn !== DAY_COLUMN) {
    throw fail(`in BigQuery it has no partitions by ${DAY_COLUMN}, and BigQuery cannot add them to a table.`)
  }
  if (rows !== undefined && !rows.columns.some((column) => column.name === DAY_COLUMN)) {
    throw fail(`the rows have no column ${DAY_COLUMN}.`)
  }
}

async function rejectsOf(options: PlanOptions, { rejects }: Load): Promise<readonly FileRange[]> {
  if (rejects === undefined) return []
  const path = await unloadRejects(options, rejects)
  return [{ path, start: 0, end: (await stat(path)).size }]
}
