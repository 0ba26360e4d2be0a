import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { DAY_COLUMN } from '../../../lib/destination/load-rules.ts'
import type { Day } from '../../../lib/time/days.ts'

/** Where everything is in the directory of a Parquet destination. */
export interface Layout {
  readonly directory: string
  /**
   * What mixload keeps for itself. Readers of tables pass over names that begin with `_` and have
   * no `=`.
   */
  readonly state: string
  /** One file for each commit, named in the order of the commits. */
  readonly loads: string
  /** One file for each table, with one line for each column. */
  readonly columns: string
  /** A directory for each load that is under way or was when its run was killed. */
  readonly pending: string
  /** A database without anything in it: the system's lock on it is the run lock. */
  readonly lock: string
  /** Who has the lock, in words. */
  readonly lockOwner: string
  /** The views that were asked for. */
  readonly views: string
  /** What DuckDB is to read to have all tables and views. */
  readonly viewsSql: string
}

/** The places in a directory. */
export function layoutOf(directory: string): Layout {
  const state = join(directory, '_mixload')
  return {
    directory,
    state,
    loads: join(state, 'loads'),
    columns: join(state, 'columns'),
    pending: join(state, 'pending'),
    lock: join(state, 'lock.duckdb'),
    lockOwner: join(state, 'lock-owner.txt'),
    views: join(state, 'views.json'),
    viewsSql: join(directory, 'views.sql'),
  }
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

/** The name of a load's data file. Readers pass over files whose names begin with `_` or a dot. */
export function dataFileName(loadId: string): string {
  return `${fileName(loadId).replace(/^[_.]/, (first) => `%${first.charCodeAt(0).toString(16).toUpperCase()}`)}.parquet`
}

const DAY_PREFIX = `${DAY_COLUMN}=`
/**
 * What Hive, and all that follow it, call the directory of rows that have no value to part them by.
 */
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
