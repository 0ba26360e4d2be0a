import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { Column } from '../../lib/columns/column.ts'
import { assertNoRows } from '../../lib/commit-rules.ts'
import type { LoadRecord, LoadTarget, Relation } from '../../lib/destination.ts'
import { type Engine, interruptible } from '../../lib/engine.ts'
import { MixloadError } from '../../lib/errors.ts'
import { type Day, daysBetween } from '../../lib/time/days.ts'
import { DAY_COLUMN, partitionOf, SUPPORTS } from './dialect.ts'
import { REJECTS } from './ledger.ts'
import type { Plan } from './loads.ts'
import type { MetadataCache } from './metadata-cache.ts'
import { partsOf } from './parts.ts'
import { type PendingLoad, rejectsStage, rowsStage } from './pending-loads.ts'
import type { FilePart } from './pieces.ts'
import type { Table } from './tables.ts'
import { type UnloadOptions, unloadRejects, unloadRows } from './unload.ts'

export interface PlanOptions extends UnloadOptions {
  readonly engine: Engine
  readonly cache: MetadataCache
  readonly fileBytesMax: number
}

/** Fewer rows are written before a request would have begun, so that all is known of them first. */
const ROWS_FOLLOWED_MIN = 10_000

/**
 * Writes a load's files and says what is to be done with them. Whatever is wrong with a load and can be known without
 * BigQuery is found here, before the first job; but many rows that all go into one file may still be on their way.
 * @param signal what is on its way is stopped by it, too.
 */
export async function planOf(
  options: PlanOptions,
  relation: Relation,
  target: LoadTarget,
  record: LoadRecord,
  signal: AbortSignal,
): Promise<Plan> {
  const { cache, connection, engine } = options
  const { mode } = target
  // A table that is replaced takes the job's schema: columns that somebody has added in the meantime must be in it.
  const isAnew = mode.kind === 'replace-table'
  const table = await (isAnew ? cache.reloadTable(target.table, signal) : cache.table(target.table, signal))
  const known = await cache.columns(target.table, signal)
  const columns = relation.rowCount === 0 ? [] : columnsOf(relation, known, target.table)
  if (mode.kind === 'replace-days') assertReplaceable(target, table, columns, relation)
  await engine.makeRoomFor(relation.columns.length, connection)
  const rejects = await interruptible(connection, signal, () => rejectsOf(options, target, record))
  if (relation.rowCount === 0) {
    await interruptible(connection, signal, () => assertNoRows(connection, relation, target.table))
  }
  const { parts, written } =
    relation.rowCount === 0 ? NO_ROWS : await rowsOf(options, relation, columns, target, record, signal)
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
      ...[...parts].filter(([, lists]) => lists.length > 1).map(([name]) => rowsStage({ token }, name)),
    ],
  }
  return { pending, table, parts, rejects, written }
}

type RowParts = Pick<Plan, 'parts' | 'written'>

const NO_ROWS: RowParts = { parts: new Map(), written: Promise.resolve() }

async function rowsOf(
  options: PlanOptions,
  relation: Relation,
  columns: readonly Column[],
  { table, mode }: LoadTarget,
  record: LoadRecord,
  signal: AbortSignal,
): Promise<RowParts> {
  const { connection, fileBytesMax } = options
  const { growing, write } = await unloadRows(options, relation, columns, mode, record)
  const files = interruptible(connection, signal, write)
  const nameOf = (day: Day | undefined) => (day === undefined ? table : partitionOf(table, day))
  // What a row has beyond its event as it came, such as the names of columns, is the same in many and packs to little.
  if (growing !== undefined && relation.rowCount >= ROWS_FOLLOWED_MIN && record.byteCount <= fileBytesMax / 2) {
    const end = files.then(async () => (await stat(growing)).size)
    const written = end.then(
      () => {},
      () => {},
    )
    const day = mode.kind === 'replace-days' ? mode.firstDay : undefined
    return { parts: new Map([[nameOf(day), [[{ path: growing, start: 0, end }]]]]), written }
  }
  const parts = new Map<string, readonly (readonly FilePart[])[]>()
  for (const { day, paths } of await files) parts.set(nameOf(day), await partsOf(paths, fileBytesMax))
  signal.throwIfAborted()
  return { parts, written: Promise.resolve() }
}

/** The relation's columns as the table has them. */
function columnsOf(relation: Relation, known: readonly Column[], table: string): readonly Column[] {
  return relation.columns.map(({ name }) => {
    const column = known.find((other) => other.name === name)
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
    throw fail(`in BigQuery it has no partitions by ${DAY_COLUMN}, and a table can't be given any later.`)
  }
  if (rowCount > 0 && !columns.some((column) => column.name === DAY_COLUMN)) {
    throw fail(`the rows do not say which day they are of.`)
  }
  const days = daysBetween(mode.firstDay, mode.lastDay)
  if (days > SUPPORTS.daysPerLoadMax) throw fail(`${days} days are too many for one load.`)
}

async function rejectsOf(
  options: PlanOptions,
  { rejects }: LoadTarget,
  record: LoadRecord,
): Promise<readonly FilePart[]> {
  if (rejects === undefined) return []
  if (rejects.rowCount === 0) {
    await assertNoRows(options.connection, rejects, REJECTS)
    return []
  }
  const path = await unloadRejects(options, rejects, record)
  return [{ path, start: 0, end: (await stat(path)).size }]
}
