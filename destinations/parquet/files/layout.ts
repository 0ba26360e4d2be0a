import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { DAY_COLUMN } from '../../../lib/destination/load-rules.ts'
import type { Day } from '../../../lib/time/days.ts'

/** Where everything is in the directory of a Parquet destination. */
export type Layout = ReturnType<typeof layoutOf>

/** The places in a directory. */
export function layoutOf(directory: string) {
  const state = join(directory, '_mixload')
  return {
    directory,
    /** The state of mixload. Readers of tables skip names that begin with `_` and have no `=`. */
    state,
    /** One file for each commit, named in the order of the commits. */
    loads: join(state, 'loads'),
    /** One file for each table, with one line for each column. */
    columns: join(state, 'columns'),
    /** A directory for each load that is not finished, also of runs that were killed. */
    pending: join(state, 'pending'),
    /** An empty database: the system's lock on it is the run lock. */
    lock: join(state, 'lock.duckdb'),
    /** Who has the lock, as text for messages. */
    lockOwner: join(state, 'lock-owner.txt'),
    /** The views that were created. */
    views: join(state, 'views.json'),
    /** A script that creates all tables and views in DuckDB. */
    viewsSql: join(directory, 'views.sql'),
  } as const
}

/** The table's schema as a Parquet file without rows, by the name that Spark looks for. */
export const SCHEMA_FILE = '_common_metadata'

const NAME_CHARACTERS_MAX = 150

/**
 * A text as part of a file name. Different texts have different names, and no name has a special
 * meaning for readers of the directory.
 */
export function fileName(text: string): string {
  const encoded = encodeURIComponent(text).replace(
    /[!'()*~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  if (encoded.length <= NAME_CHARACTERS_MAX) return encoded
  return `${encoded.slice(0, NAME_CHARACTERS_MAX - 70)}~${createHash('sha256').update(text).digest('hex')}`
}

/** The name of a table's directory. */
export function tableName(table: string): string {
  const name = fileName(table)
  // These names belong to mixload's own files, or mean this directory and its parent.
  return ['_mixload', 'views.sql', '.', '..'].includes(name) ? `~${name}` : name
}

/**
 * The name of a load's data file in a directory, with a number from the second file on. Readers
 * skip files whose names begin with `_` or a dot.
 */
export function dataFileName(loadId: string, index = 0): string {
  const name = fileName(loadId).replace(/^[_.]/, (first) => `%${first.charCodeAt(0).toString(16).toUpperCase()}`)
  return index === 0 ? `${name}.parquet` : `${name}-${index + 1}.parquet`
}

const DAY_PREFIX = `${DAY_COLUMN}=`
/** The directory of rows without a day, as Hive and similar tools name it. */
const UNDATED = '__HIVE_DEFAULT_PARTITION__'

/** The name of a day's directory, within that of the table. */
export function dayDirectory(day: Day | null): string {
  return `${DAY_PREFIX}${day ?? UNDATED}`
}

/** The day of a directory; null for rows without a day; undefined if it has no day's name. */
export function dayOfDirectory(name: string): Day | null | undefined {
  if (!name.startsWith(DAY_PREFIX)) return undefined
  const day = name.slice(DAY_PREFIX.length)
  return day === UNDATED ? null : day
}
