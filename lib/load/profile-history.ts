import { randomUUID } from 'node:crypto'
import { quoteText } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import type { LoadRecord } from '../destination/contract.ts'
import { EVERYTHING } from '../destination/selection.ts'
import type { LoadSource } from '../destination/source.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { Engine } from '../engine/engine.ts'
import { removeChunks, type SpoolDirectory } from '../spool/spool.ts'
import { CHANGE_COLUMNS, changesQuery, type Profiles } from '../transform/profile-changes.ts'
import { readNdjson } from '../transform/spool-reader.ts'
import { spoolQuery } from './spool-query.ts'
import { TableWriter } from './table-writer.ts'

export interface KeepChangesOptions {
  readonly destination: Warehouse
  readonly engine: Engine
  readonly spool: SpoolDirectory
  /** The table of the profiles, which has been loaded. */
  readonly profiles: string
  readonly table: string
  /** Stored with each load. */
  readonly source: LoadSource
}

/** The longest row of an id and a hash. Mixpanel limits ids to 255 characters; this is generous. */
const HASH_ROW_BYTES_MAX = 1024 * 1024

/**
 * Appends what has changed since the last time to the table of changes, in one commit. The
 * destination is queried for the earlier states, so the next run catches up if a run ended before
 * this. Returns the load; undefined if nothing has changed.
 * @param seenAt when the profiles were read.
 */
export async function keepChanges(
  options: KeepChangesOptions,
  now: Profiles,
  seenAt: Date,
  signal: AbortSignal,
): Promise<LoadRecord | undefined> {
  const { destination, engine, spool, profiles, table, source } = options
  const existing = await destination.columns(table)
  const writer = new TableWriter(destination, table, existing)
  // A run that was killed after it created the table may have left it without its view.
  await writer.putViews()
  const { dialect } = destination.capabilities
  const sql = sqlText(dialect, 'profile_hashes', { table: destination.pathInViews(table) })
  const hashes = existing.length === 0 ? [] : await spoolQuery(destination, sql, spool, '.hashes.ndjson', signal)
  const changes = spool.nextFile('.changes.parquet')
  const connection = await engine.connect()
  try {
    const { query, columns } = changesQuery(now, hashesIn(hashes.map(({ path }) => path)), seenAt)
    // Written first, so that the changes are computed only once.
    const copy = `COPY (${query}) TO ${quoteText(changes)} (FORMAT parquet, COMPRESSION zstd)`
    const rowCount = await connection.run(copy)
    if (rowCount === 0) return undefined
    const loadId = randomUUID()
    // The properties have the same names and types as in the table of profiles.
    const properties = (await destination.columns(profiles)).filter(({ role }) => role !== 'fixed')
    await writer.addColumns([...CHANGE_COLUMNS, ...properties], [{ used: columns, loadId }])
    const relation = { query: `FROM read_parquet(${quoteText(changes)})`, columns, rowCount }
    const details = { loadId, selection: EVERYTHING, startedAt: seenAt, source }
    return await writer.load(writer.request(relation, { kind: 'append' }, details), signal)
  } finally {
    connection.close()
    await removeChunks([...hashes, { path: changes }])
  }
}

/** The rows of these files, as the engine reads them. */
function hashesIn(paths: readonly string[]): string {
  if (paths.length === 0) return "SELECT '' AS distinct_id, '' AS _hash WHERE false"
  return `FROM ${readNdjson(paths, ["distinct_id: 'VARCHAR'", "_hash: 'VARCHAR'"], HASH_ROW_BYTES_MAX)}`
}
