import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MixloadError } from '../../lib/core/errors.ts'
import { assertNoRows } from '../../lib/destination/commit-rules.ts'
import type { KnownColumn, LoadRecord, LoadTarget, Relation } from '../../lib/destination/contract.ts'
import { REJECTS } from '../../lib/destination/ledger.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'
import { dataFileName } from './layout.ts'
import type { StagedFile } from './publish.ts'
import { assertCount, writeEmptyFile, writeRejects, writeRows } from './rows.ts'
import { type DataFile, directoryOf, isDated, numbered } from './tables.ts'

export interface StageOptions {
  readonly connection: EngineConnection
  readonly relation: Relation
  readonly target: LoadTarget
  readonly record: LoadRecord
  /** Those that the table has. */
  readonly columns: readonly KnownColumn[]
  readonly signal: AbortSignal
  /** Where files are written, empty. */
  readonly directory: string
}

/** Writes all files of a load aside: rows first, then rejects. */
export async function stage(options: StageOptions): Promise<readonly StagedFile[]> {
  const rows = await stageRows(options)
  options.signal.throwIfAborted()
  return [...rows, ...(await stageRejects(options))]
}

async function stageRows(options: StageOptions): Promise<readonly StagedFile[]> {
  const { connection, relation, target, record, columns, directory } = options
  const unknown = relation.columns.find(({ name }) => !columns.some((column) => column.name === name))
  if (unknown !== undefined)
    throw new MixloadError('DESTINATION_FAILED', `There is no column ${unknown.name} in ${target.table}.`)
  if (relation.rowCount === 0) {
    await assertNoRows(connection, relation, target.table)
    return []
  }
  const isParted = isDated(columns)
  const aside = join(directory, 'rows')
  await mkdir(aside)
  const files = await writeRows(relation, { connection, directory: aside, isDated: isParted, record })
  assertCount(files, relation.rowCount, target.table)
  const perDirectory = new Map<string, number>()
  return files.map(({ path: staged, day, rows, bytes }) => {
    const place = directoryOf(target.table, isParted, day)
    const at = perDirectory.get(place) ?? 0
    perDirectory.set(place, at + 1)
    return { staged, table: target.table, path: join(place, numbered(dataFileName(record.loadId), at)), rows, bytes }
  })
}

async function stageRejects(options: StageOptions): Promise<readonly StagedFile[]> {
  const { connection, target, record, directory } = options
  const { rejects } = target
  if (rejects === undefined) return []
  if (rejects.rowCount === 0) {
    await assertNoRows(connection, rejects, REJECTS.name)
    return []
  }
  const staged = join(directory, 'rejects')
  const file = await writeRejects(rejects, record, connection, staged)
  assertCount([file], rejects.rowCount, REJECTS.name)
  const path = join(directoryOf(REJECTS.name, false, null), dataFileName(record.loadId))
  return [{ staged, table: REJECTS.name, path, rows: file.rows, bytes: file.bytes }]
}

/** A file without rows, for a table that would be left without any: nothing can be read where there is none. */
export async function stageEmpty(options: StageOptions, last: DataFile): Promise<StagedFile> {
  const { connection, target, record, columns, directory } = options
  const staged = join(directory, 'empty')
  const bytes = await writeEmptyFile(connection, columns, staged)
  return { staged, table: target.table, path: join(dirname(last.path), dataFileName(record.loadId)), rows: 0, bytes }
}
