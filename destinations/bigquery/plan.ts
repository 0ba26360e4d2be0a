import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { Column } from '../../lib/columns/column.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import { assertNoRows } from '../../lib/destination/commit-rules.ts'
import type { LoadRecord, LoadTarget, Relation } from '../../lib/destination/contract.ts'
import { type Engine, interruptible } from '../../lib/engine/engine.ts'
import { type Day, daysBetween } from '../../lib/time/days.ts'
import { DAY_COLUMN, partitionOf, SUPPORTS } from './dialect.ts'
import type { FileRange } from './file-ranges.ts'
import { REJECTS } from './ledger.ts'
import type { LoadPlan } from './loads.ts'
import type { MetadataCache } from './metadata-cache.ts'
import { type PendingLoad, rejectsStage, rowsStage } from './pending-loads.ts'
import { splitFiles } from './split-files.ts'
import type { Table } from './tables.ts'
import { type UnloadOptions, unloadRejects, unloadRows } from './unload.ts'

export interface PlanOptions extends UnloadOptions {
  readonly engine: Engine
  readonly cache: MetadataCache
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
  relation: Relation,
  target: LoadTarget,
  record: LoadRecord,
  signal: AbortSignal,
): Promise<LoadPlan> {
  const { cache, connection, engine } = options
  const { mode } = target
  // A replaced table takes the schema of the job, which must have columns that others have added.
  const isReplaced = mode.kind === 'replace-table'
  const table = await (isReplaced ? cache.reloadTable(target.table, signal) : cache.table(target.table, signal))
  const known = await cache.columns(target.table, signal)
  const columns = relation.rowCount === 0 ? [] : columnsOf(relation, known, target.table)
  if (mode.kind === 'replace-days') assertReplaceable(target, table, columns, relation)
  await engine.makeRoomFor(relation.columns.length, connection)
  const rejects = await interruptible(connection, signal, () => rejectsOf(options, target, record))
  if (relation.rowCount === 0) {
    await interruptible(connection, signal, () => assertNoRows(connection, relation, target.table))
  }
  const { uploads, written } =
    relation.rowCount === 0 ? NO_ROWS : await uploadsOf(options, relation, columns, target, record, signal)
  const token = randomUUID().slice(0, 8)
  const pending: PendingLoad = {
    token,
    record,
    table: target.table,
    mode,
    hasRows: table !== undefined && (relation.rowCount > 0 || mode.kind !== 'append'),
    hasRejects: rejects.length > 0,
    stages: [
      ...(rejects.length > 0 ? [rejectsStage({ token })] : []),
      ...[...uploads].filter(([, groups]) => groups.length > 1).map(([name]) => rowsStage({ token }, name)),
    ],
  }
  return { pending, table, uploads, rejects, written }
}

type Uploads = Pick<LoadPlan, 'uploads' | 'written'>

const NO_ROWS: Uploads = { uploads: new Map(), written: Promise.resolve() }

async function uploadsOf(
  options: PlanOptions,
  relation: Relation,
  columns: readonly Column[],
  { table, mode }: LoadTarget,
  record: LoadRecord,
  signal: AbortSignal,
): Promise<Uploads> {
  const { connection, fileBytesMax } = options
  const { growing, write } = await unloadRows(options, relation, columns, mode, record)
  const files = interruptible(connection, signal, write)
  const nameOf = (day: Day | undefined) => (day === undefined ? table : partitionOf(table, day))
  // What a row has beside its event, such as the names of columns, repeats and compresses well.
  if (growing !== undefined && relation.rowCount >= ROWS_STREAMED_MIN && record.byteCount <= fileBytesMax / 2) {
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

/** The relation's columns as the table has them. */
function columnsOf(relation: Relation, known: readonly Column[], table: string): readonly Column[] {
  return relation.columns.map(({ name }) => {
    const column = known.find((candidate) => candidate.name === name)
    if (column !== undefined) return column
    throw new MixloadError('DESTINATION_FAILED', `${table} has no column ${name} in BigQuery; nothing was committed.`)
  })
}

function assertReplaceable(
  { table: name, mode }: LoadTarget,
  table: Table | undefined,
  columns: readonly Column[],
  { rowCount }: Relation,
): void {
  if (mode.kind !== 'replace-days') return
  const fail = (why: string) => new MixloadError('DESTINATION_FAILED', `Days of ${name} cannot be replaced: ${why}`)
  if (table !== undefined && table.dayColumn !== DAY_COLUMN) {
    throw fail(`in BigQuery it has no partitions by ${DAY_COLUMN}, and BigQuery cannot add them to a table.`)
  }
  if (rowCount > 0 && !columns.some((column) => column.name === DAY_COLUMN)) {
    throw fail(`the rows have no column ${DAY_COLUMN}.`)
  }
  const days = daysBetween(mode.firstDay, mode.lastDay)
  if (days > SUPPORTS.daysPerLoadMax) {
    throw fail(`${days} days are more than the ${SUPPORTS.daysPerLoadMax} that one load may have.`)
  }
}

async function rejectsOf(
  options: PlanOptions,
  { rejects }: LoadTarget,
  record: LoadRecord,
): Promise<readonly FileRange[]> {
  if (rejects === undefined) return []
  if (rejects.rowCount === 0) {
    await assertNoRows(options.connection, rejects, REJECTS)
    return []
  }
  const path = await unloadRejects(options, rejects, record)
  return [{ path, start: 0, end: (await stat(path)).size }]
}
