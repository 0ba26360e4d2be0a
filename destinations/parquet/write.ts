import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Column } from '../../lib/columns/column.ts'
import { syncDirectory } from '../../lib/core/replace-file.ts'
import { quoteName, quoteText } from '../../lib/core/sql.ts'
import type { Load, RowChange, WriteMode } from '../../lib/destination/contract.ts'
import { REJECTS, SUPERSEDED } from '../../lib/destination/ledger.ts'
import { assertCount, DAY_COLUMN } from '../../lib/destination/load-rules.ts'
import { type EngineConnection, fileList } from '../../lib/engine/engine.ts'
import type { Day } from '../../lib/time/days.ts'
import { moveInto, syncFile } from './files/file-system.ts'
import { dataFileName, dayOfDirectory, type Layout } from './files/layout.ts'
import { globbed, queryWithoutRows, RowWriter } from './files/partitions.ts'
import type { StagedFile } from './files/pending-load.ts'
import { type DataFile, dataFiles, directoryOf, isDated, type SizedFile, sizedFiles, smallFiles } from './tables.ts'
import { emptyQuery, filesQuery, ledgerColumns } from './views.ts'

/** Many small files are slow to read, so this many are merged into one. */
const FILES_MAX = 16

/** The name of a file that is being rewritten. */
const CHANGED = 'changed.new'

/** What the files of a load are made from, and where. */
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

/** Files to add, and those that they replace. */
export interface StagedFiles {
  readonly files: readonly StagedFile[]
  readonly replaced: readonly DataFile[]
}

/** Finds the rows that a load makes superseded, among the rows in place and its own staged ones. */
export async function stageSuperseded(
  { connection, load, directory }: StageOptions,
  layout: Layout,
  staged: readonly StagedFile[],
): Promise<StagedFiles> {
  const { table, columns, mode, superseded, record } = load
  if (superseded === undefined) return { files: [], replaced: [] }
  const existing: DataFile[] = []
  for await (const file of dataFiles(layout, SUPERSEDED.name, false)) existing.push(file)
  const own = ledgerColumns(SUPERSEDED)
  const { day } = SUPERSEDED.columns
  const known = `SELECT * FROM (${await filesQuery(layout, SUPERSEDED.name, own, false)}) WHERE ${stays(superseded.mode, day.name)}`
  const rows = [
    `SELECT * FROM (${await filesQuery(layout, table, columns, true)}) WHERE ${stays(mode, DAY_COLUMN)}`,
    ...staged.filter((file) => file.table === table).map(stagedQuery),
  ]
  const views = { [table]: rows.join('\nUNION ALL BY NAME\n'), [SUPERSEDED.name]: known }
  return withViews(connection, views, async () => {
    const isMerged = superseded.mode.kind !== 'append' || existing.length + 1 >= FILES_MAX
    const found = isMerged
      ? `FROM ${quoteName(SUPERSEDED.name)} UNION ALL BY NAME (${superseded.query})`
      : superseded.query
    const columnList = own.map(({ name }) => quoteName(name)).join(', ')
    const writer = new RowWriter(connection, directory, own.length)
    const file = await writer.writeFile(`SELECT ${columnList} FROM (${found})`, 'superseded')
    const path = join(directoryOf(SUPERSEDED.name, false, null), dataFileName(record.loadId))
    const files = [{ staged: file.path, table: SUPERSEDED.name, path, rows: file.rows, bytes: file.bytes }]
    return { files: file.rows > 0 ? files : [], replaced: isMerged ? existing : [] }
  })
}

/** Runs work during which these tables have the rows of queries. */
async function withViews<T>(
  connection: EngineConnection,
  views: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    for (const [name, query] of Object.entries(views))
      await connection.run(`CREATE OR REPLACE TEMP VIEW ${quoteName(name)} AS ${query}`)
    return await work()
  } finally {
    for (const name of Object.keys(views))
      await connection.run(`DROP VIEW IF EXISTS temp.${quoteName(name)}`).catch(() => {})
  }
}

/**
 * Rewrites the files of a day that have rows to remove, and its small files, as one file. Files
 * without such rows stay.
 */
export async function stageRemoval(
  { connection, load, directory }: StageOptions,
  layout: Layout,
): Promise<StagedFiles> {
  const { table, columns, removal, record } = load
  if (removal === undefined) return { files: [], replaced: [] }
  const { day, where } = removal
  const files = (await sizedFiles(layout, table, columns)).filter((file) => file.day === day)
  const known = await filesQuery(layout, SUPERSEDED.name, ledgerColumns(SUPERSEDED), false)
  const views = { [table]: rowsOf(layout, columns, day, files), [SUPERSEDED.name]: known }
  return withViews(connection, views, async () => {
    const counted: (SizedFile & { readonly rows: number; readonly removed: number })[] = []
    for (const file of files) {
      const rows = rowsOf(layout, columns, day, [file])
      const [found] = await connection.all(
        `SELECT count(*) AS rows, count(*) FILTER (${where}) AS removed FROM (${rows}) AS __rows`,
      )
      counted.push({ ...file, rows: Number(found?.rows), removed: Number(found?.removed) })
    }
    removal.verify(counted.reduce((sum, { removed }) => sum + removed, 0))
    const small = smallFiles(counted)
    const replaced = counted.filter((file) => file.removed > 0 || small.includes(file))
    if (replaced.length === 0) return { files: [], replaced: [] }
    const rows = rowsOf(layout, columns, day, replaced)
    const names = await namesOf(connection, layout, replaced)
    const query = `SELECT ${names} FROM (${rows}) AS __rows WHERE (${where}) IS NOT TRUE`
    const file = await new RowWriter(connection, directory, columns.length).writeFile(query, 'kept')
    assertCount(
      replaced.reduce((sum, { rows, removed }) => sum + rows - removed, 0),
      file.rows,
      table,
    )
    const path = join(directoryOf(table, isDated(columns), day), dataFileName(record.loadId))
    const added = { staged: file.path, table, path, rows: file.rows, bytes: file.bytes }
    return { files: file.rows > 0 ? [added] : [], replaced }
  })
}

/** A query for the rows of files of one day, with all columns of the table. */
function rowsOf(layout: Layout, columns: readonly Column[], day: Day | null, files: readonly DataFile[]): string {
  const ofDay = isDated(columns)
    ? `, ${day === null ? 'CAST(NULL AS DATE)' : `DATE ${quoteText(day)}`} AS ${DAY_COLUMN}`
    : ''
  const reading = files.length === 0 ? '' : `\nUNION ALL BY NAME SELECT *${ofDay} FROM ${readFiles(layout, files)}`
  return `${emptyQuery(columns)}${reading}`
}

/** The quoted names of the columns that the files have: a file need not have all of its table. */
async function namesOf(connection: EngineConnection, layout: Layout, files: readonly DataFile[]): Promise<string> {
  const found = await connection.all(`DESCRIBE FROM ${readFiles(layout, files)}`)
  return found.map(({ column_name }) => quoteName(String(column_name))).join(', ')
}

function readFiles({ directory }: Layout, files: readonly DataFile[]): string {
  const paths = fileList(files.map(({ path }) => globbed(join(directory, path))))
  return `read_parquet(${paths}, union_by_name = true, hive_partitioning = false)`
}

/** A condition for rows that a load does not replace. */
function stays(mode: WriteMode, day: string): string {
  if (mode.kind === 'append') return 'true'
  if (mode.kind === 'replace-table') return 'false'
  const days = `${quoteName(day)} BETWEEN ${quoteText(mode.firstDay)} AND ${quoteText(mode.lastDay)}`
  return `(${days}) IS NOT TRUE`
}

/** The rows of a staged file, whose day is in its future path. */
function stagedQuery({ staged, path }: StagedFile): string {
  const day = dayOfDirectory(path.split(/[/\\]/).at(-2) ?? '')
  const value = day == null ? 'CAST(NULL AS DATE)' : `DATE ${quoteText(day)}`
  return `SELECT *, ${value} AS ${DAY_COLUMN} FROM read_parquet(${quoteText(globbed(staged))}, hive_partitioning = false)`
}

/**
 * Rewrites the files of a table that have rows to change, one after the other. Each file is
 * replaced by one rename, so a killed run leaves each file old or new.
 */
export async function changeFiles(
  { connection, layout }: { readonly connection: EngineConnection; readonly layout: Layout },
  columns: readonly Column[],
  { table, values, where }: RowChange,
  signal: AbortSignal,
): Promise<void> {
  const writer = new RowWriter(connection, layout.state, columns.length)
  const changed = Object.entries(values).map(
    ([name, value]) => `CASE WHEN ${where} THEN ${value} ELSE ${quoteName(name)} END AS ${quoteName(name)}`,
  )
  for await (const { path, day } of dataFiles(layout, table, isDated(columns))) {
    signal.throwIfAborted()
    const place = join(layout.directory, path)
    const ofDay = day === null ? 'CAST(NULL AS DATE)' : `DATE ${quoteText(day)}`
    const file = `read_parquet(${quoteText(globbed(place))}, hive_partitioning = false)`
    const days = isDated(columns) ? `, ${ofDay} AS ${DAY_COLUMN}` : ''
    const rows = `(${emptyQuery(columns)} UNION ALL BY NAME SELECT *${days} FROM ${file})`
    const [found] = await connection.all(`SELECT count(*) AS count FROM ${rows} WHERE ${where}`)
    if (Number(found?.count) === 0) continue
    const without = isDated(columns) ? `EXCLUDE (${DAY_COLUMN}) ` : ''
    const query = `SELECT * ${without}FROM (SELECT * REPLACE (${changed.join(', ')}) FROM ${rows})`
    await writer.writeFile(query, CHANGED)
    await syncFile(join(layout.state, CHANGED))
    await moveInto(join(layout.state, CHANGED), place)
    await syncDirectory(dirname(place))
  }
}
