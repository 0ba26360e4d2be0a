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
    /** Mixload's own. Readers of tables pass over names that begin with `_` and have no `=`. */
    state,
    /** One file for each commit, named in the order of the commits. */
    loads: join(state, 'loads'),
    /** One file for each table, with one line for each column. */
    columns: join(state, 'columns'),
    /** A directory for each load that is under way or was when its run was killed. */
    pending: join(state, 'pending'),
    /** A database without anything in it: the system's lock on it is the run lock. */
    lock: join(state, 'lock.duckdb'),
    /** Who has the lock, in words. */
    lockOwner: join(state, 'lock-owner.txt'),
    /** The views that were asked for. */
    views: join(state, 'views.json'),
    /** What DuckDB is to read to have all tables and views. */
    viewsSql: join(directory, 'views.sql'),
  } as const
}

/** The table's schema, as a Parquet file without rows. It goes by the name that Spark looks for. */
export const SCHEMA_FILE = '_common_metadata'

const NAME_CHARACTERS_MAX = 150

/**
 * A text as part of a file's name. Two texts never become one name, and no name is special to a
 * reader of the directory.
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
  // The names of mixload's own things, and of the directories above and at hand, are taken.
  return ['_mixload', 'views.sql', '.', '..'].includes(name) ? `~${name}` : name
}

/**
 * The name of a load's data file in a directory, with its number from the second one on. Readers
 * pass over files whose names begin with `_` or a dot.
 */
export function dataFileName(loadId: string, index = 0): string {
  const name = fileName(loadId).replace(/^[_.]/, (first) => `%${first.charCodeAt(0).toString(16).toUpperCase()}`)
  return index === 0 ? `${name}.parquet` : `${name}-${index + 1}.parquet`
}

const DAY_PREFIX = `${DAY_COLUMN}=`
/** What Hive and its followers call the directory of rows without a value to part them by. */
const UNDATED = '__HIVE_DEFAULT_PARTITION__'

/** The directory of a day in that of its table. */
export function dayDirectory(day: Day | null): string {
  return `${DAY_PREFIX}${day ?? UNDATED}`
}

/** The day that a directory is of, null for that of undated rows; undefined where it is of none. */
export function dayOfDirectory(name: string): Day | null | undefined {
  if (!name.startsWith(DAY_PREFIX)) return undefined
  const day = name.slice(DAY_PREFIX.length)
  return day === UNDATED ? null : day
}
