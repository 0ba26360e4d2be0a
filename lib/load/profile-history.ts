import { randomUUID } from 'node:crypto'
import type { Column } from '../columns/column.ts'
import { quoteText } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import { VERSION } from '../core/version.ts'
import type { LoadRecord } from '../destination/contract.ts'
import { EVERYTHING } from '../destination/selection.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { Engine, EngineConnection } from '../engine/engine.ts'
import { ChunkWriter, removeChunks, type SpoolDirectory } from '../spool/spool.ts'
import { CHANGE_COLUMNS, changesQuery, type Profiles } from '../transform/profile-changes.ts'
import { readNdjson } from '../transform/spool-reader.ts'
import { viewsOver } from '../views/views.ts'

export interface KeepChangesOptions {
  readonly destination: Warehouse
  readonly engine: Engine
  readonly spool: SpoolDirectory
  /** The table of the profiles, which has been loaded. */
  readonly profiles: string
  /** The table of their changes. */
  readonly table: string
}

/** The longest row of a profile's id and hash: an id has at most 255 characters, but who knows. */
const HASH_ROW_BYTES_MAX = 1024 * 1024

/**
 * Appends what has changed since the last time to the table of changes, in one commit. What was
 * there before is asked of the destination, so a run that ended before it got here is made up for
 * by the next one. Gives the load; undefined where nothing has changed.
 * @param seenAt when the profiles were read.
 */
export async function keepChanges(
  options: KeepChangesOptions,
  now: Profiles,
  seenAt: Date,
  signal: AbortSignal,
): Promise<LoadRecord | undefined> {
  const { destination, engine, spool, table } = options
  const loadId = randomUUID()
  const there = await destination.columns(table)
  const connection = await engine.connect()
  const before = new ChunkWriter(spool, '.hashes.ndjson')
  const changes = spool.nextFile('.changes.parquet')
  try {
    if (there.length > 0) {
      // A run that ended between making the table and its view has left it without one.
      await destination.putViews(await viewsOver(destination, table))
      await readHashes(destination, table, before, signal)
    }
    const chunks = await before.finish()
    const hashes =
      chunks.length === 0
        ? `SELECT '' AS distinct_id, '' AS _hash WHERE false`
        : `FROM ${readNdjson(
            chunks.map(({ path }) => path),
            ["distinct_id: 'VARCHAR'", "_hash: 'VARCHAR'"],
            HASH_ROW_BYTES_MAX,
          )}`
    const { query, columns } = changesQuery(now, hashes, seenAt)
    const rowCount = await written(connection, query, changes)
    if (rowCount === 0) return undefined
    await addColumns(options, columns, loadId)
    const relation = { query: `FROM read_parquet(${quoteText(changes)})`, columns, rowCount }
    return await destination.load(
      relation,
      { table, mode: { kind: 'append' }, rejects: undefined },
      {
        loadId,
        stream: table,
        firstDay: null,
        lastDay: null,
        selection: EVERYTHING,
        rowCount,
        rejectCount: 0,
        byteCount: 0,
        requestCount: 0,
        startedAt: seenAt,
        writeMode: 'append',
        mixloadVersion: VERSION,
        dayRows: null,
      },
      signal,
    )
  } finally {
    connection.close()
    await before.discard()
    await removeChunks([{ path: changes, bytes: 0 }])
  }
}

async function readHashes(
  destination: Warehouse,
  table: string,
  writer: ChunkWriter,
  signal: AbortSignal,
): Promise<void> {
  const sql = sqlText(destination.capabilities.dialect, 'profile_hashes', { table: destination.pathInViews(table) })
  await destination.query(
    sql,
    async (rows) => {
      const lines = Buffer.from(`${rows.join('\n')}\n`)
      writer.append(lines, 0, lines.length)
      await writer.flush()
    },
    signal,
  )
}

/** Writes what a query gives, so that it is made once only, and gives the number of rows. */
function written(connection: EngineConnection, query: string, path: string): Promise<number> {
  return connection.run(`COPY (${query}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`)
}

/**
 * Gives the table of changes the columns that these rows need, of the same names and types as those
 * of the profiles.
 */
async function addColumns(
  { destination, profiles, table }: KeepChangesOptions,
  used: readonly Column[],
  firstLoadId: string,
): Promise<void> {
  const there = new Set((await destination.columns(table)).map(({ name }) => name))
  // A companion never comes without the column whose misfits it takes.
  const needed = new Set(used.flatMap(({ name, owner }) => (owner === undefined ? [name] : [name, owner])))
  const properties = (await destination.columns(profiles)).filter(
    ({ role, name }) => role !== 'fixed' && needed.has(name),
  )
  const missing = [...CHANGE_COLUMNS, ...properties].filter(({ name }) => !there.has(name))
  if (missing.length === 0) return
  await destination.addColumns(
    table,
    missing.map((column) => ({ ...column, firstLoadId })),
  )
  await destination.putViews(await viewsOver(destination, table))
}
