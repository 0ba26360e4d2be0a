import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Load } from '../../lib/destination/contract.ts'
import { REJECTS } from '../../lib/destination/ledger.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'
import { dataFileName } from './files/layout.ts'
import { queryWithoutRows, RowWriter } from './files/partitions.ts'
import type { StagedFile } from './files/pending-load.ts'
import { type DataFile, directoryOf, isDated } from './tables.ts'

export interface StageOptions {
  readonly connection: EngineConnection
  readonly load: Load
  readonly signal: AbortSignal
  /** An empty directory for the files. */
  readonly directory: string
}

/** Writes all files of a load to its own directory: rows first, then rejects. */
export async function stage(options: StageOptions): Promise<readonly StagedFile[]> {
  const rows = await stageRows(options)
  options.signal.throwIfAborted()
  return [...rows, ...(await stageRejects(options))]
}

async function stageRows({ connection, load, directory }: StageOptions): Promise<readonly StagedFile[]> {
  const { record, table, columns, rows } = load
  if (rows === undefined) return []
  const isPartitioned = isDated(columns)
  const rowsDirectory = join(directory, 'rows')
  await mkdir(rowsDirectory)
  const writer = new RowWriter(connection, rowsDirectory, rows.columns.length)
  const files =
    isPartitioned && isDated(rows.columns)
      ? await writer.writeDays(rows.query, record.firstDay, record.lastDay)
      : [await writer.writeFile(rows.query, 'rows')]
  rows.verify(files.reduce((sum, file) => sum + file.rows, 0))
  const perDirectory = new Map<string, number>()
  return files.map((file) => {
    const place = directoryOf(table, isPartitioned, file.day)
    const at = perDirectory.get(place) ?? 0
    perDirectory.set(place, at + 1)
    const path = join(place, dataFileName(record.loadId, at))
    return { staged: file.path, table, path, rows: file.rows, bytes: file.bytes }
  })
}

async function stageRejects({ connection, load, directory }: StageOptions): Promise<readonly StagedFile[]> {
  const { record, rejects } = load
  if (rejects === undefined) return []
  const writer = new RowWriter(connection, directory, rejects.columns.length)
  const { path: staged, rows, bytes } = await writer.writeFile(rejects.query, 'rejects')
  rejects.verify(rows)
  const path = join(directoryOf(REJECTS.name, false, null), dataFileName(record.loadId))
  return [{ staged, table: REJECTS.name, path, rows, bytes }]
}

/** A file without rows, for a table that would have no file left: no query can read no files. */
export async function stageEmpty({ connection, load, directory }: StageOptions, last: DataFile): Promise<StagedFile> {
  const { table, columns, record } = load
  const writer = new RowWriter(connection, directory, columns.length)
  const { path: staged, rows, bytes } = await writer.writeFile(queryWithoutRows(columns), 'empty')
  return { staged, table, path: join(dirname(last.path), dataFileName(record.loadId)), rows, bytes }
}
