import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Column } from '../../../lib/columns/column.ts'
import { messageOf } from '../../../lib/core/errors.ts'
import { quoteName, quoteText } from '../../../lib/core/sql.ts'
import { DAY_COLUMN } from '../../../lib/destination/load-rules.ts'
import { ENGINE_TYPES } from '../../../lib/engine/dialect.ts'
import { type EngineConnection, isOutOfMemory } from '../../../lib/engine/engine.ts'
import { countDays, type Day } from '../../../lib/time/days.ts'
import { dayOfDirectory } from './layout.ts'

/** A file that the engine has written. */
export interface WrittenFile {
  readonly path: string
  /** The day of all its rows; null if they have none, or the table has no days. */
  readonly day: Day | null
  readonly rows: number
  readonly bytes: number
}

/** Rows per row group. Small groups need more space and are slower to read. */
const ROW_GROUP_ROWS_MAX = 122_880
const ROW_GROUP_ROWS_MIN = 8192
/** Within these limits: values that the writer buffers per thread, outside the engine's memory. */
const ROW_GROUP_VALUES = 7_500_000
/** The most megabytes of a row group in memory: 56,000 to 89,000 rows at 57 columns. */
const ROW_GROUP_MEGABYTES = 64
/** The same for long texts, of which fewer rows fit into the engine's memory. */
const ROW_GROUP_MEGABYTES_OF_LONG_TEXTS = 32

/** The memory of a day, per column and thread, while several days are written at once. */
const BYTES_PER_DAY_COLUMN_AND_THREAD = 64 * 1024
/** The share of the engine's memory that days which are written at once may take. */
const MEMORY_SHARE = 0.6
/** The most files that the engine has open. Later rows of a closed day would get a second file. */
const DAYS_AT_ONCE_MAX = 100
/** Up to so many days are written one by one, without groups. */
const FEW_DAYS = 12

const WITHOUT_DAY = `EXCLUDE (${DAY_COLUMN})`

/** The engine's error if a load of one day has rows of other days. */
const OTHER_DAY = 'mixload: a row of another day'

/** Writes the rows of a query to Parquet files in a directory. Each name is used once. */
export class RowWriter {
  readonly #connection: EngineConnection
  readonly #directory: string
  readonly #columns: number
  #parts = 0

  /** @param columns how many the rows have. */
  constructor(connection: EngineConnection, directory: string, columns: number) {
    this.#connection = connection
    this.#directory = directory
    this.#columns = columns
  }

  /** Writes one file. `day`: the day of all rows, whose column the query leaves out. */
  async writeFile(query: string, name: string, day: Day | null = null): Promise<WrittenFile> {
    const [file] = await this.#copy(query, name, 'COMPRESSION zstd')
    return { path: join(this.#directory, name), day, rows: file?.rows ?? 0, bytes: file?.bytes ?? 0 }
  }

  /** Writes a file for each day that has rows, usually those from `firstDay` to `lastDay`. */
  async writeDays(query: string, firstDay: Day | null, lastDay: Day | null): Promise<readonly WrittenFile[]> {
    if (firstDay !== null && firstDay === lastDay) {
      const file = await this.#writeOneDay(query, firstDay)
      if (file !== undefined) return [file]
    } else if (firstDay !== null && lastDay !== null) {
      if (countDays(firstDay, lastDay) <= (await this.#daysAtOnce())) return this.#writeSideBySide(query, 'days')
    }
    return this.#writeInSteps(query)
  }

  /** The usual and the fastest case. Undefined if there are rows of other days. */
  async #writeOneDay(query: string, day: Day): Promise<WrittenFile | undefined> {
    const isOfDay = `CASE WHEN ${DAY_COLUMN} = ${dateLiteral(day)} THEN true ELSE error(${quoteText(OTHER_DAY)}) END`
    try {
      return await this.writeFile(`SELECT * ${WITHOUT_DAY} FROM (${query}) WHERE ${isOfDay}`, 'rows', day)
    } catch (error) {
      if (messageOf(error).includes(OTHER_DAY)) return undefined
      throw error
    }
  }

  /** How many days the engine can write at once within its memory; at least one. */
  async #daysAtOnce(): Promise<number> {
    const [settings] = await this.#connection.all(
      `SELECT current_setting('threads') AS threads, current_setting('memory_limit') AS memory`,
    )
    const bytesPerDay = this.#columns * Number(settings?.threads) * BYTES_PER_DAY_COLUMN_AND_THREAD
    const days = Math.floor((MEMORY_SHARE * bytesOf(String(settings?.memory))) / bytesPerDay)
    return Math.min(DAYS_AT_ONCE_MAX, Math.max(1, days))
  }

  async #writeSideBySide(query: string, name: string): Promise<readonly WrittenFile[]> {
    const options = `COMPRESSION zstd, PARTITION_BY (${DAY_COLUMN}), FILENAME_PATTERN 'rows-{i}'`
    const files = await this.#copy(query, name, options)
    return files.map((file) => ({ ...file, day: dayOfDirectory(file.path.split(/[/\\]/).at(-2) ?? '') ?? null }))
  }

  /**
   * Writes all rows to a temporary file and then reads some days of it at a time, so that many days
   * take no more memory than a few. If even a few do not fit in memory, smaller temporary files are
   * written first, and their days are read one by one.
   */
  async #writeInSteps(query: string): Promise<readonly WrittenFile[]> {
    return this.#aside(query, async (rows) => {
      const days = await this.#connection.all(
        `SELECT CAST(${DAY_COLUMN} AS VARCHAR) AS day FROM ${rows} GROUP BY ALL ORDER BY day`,
      )
      const dates = days.map(({ day }) => (day === null ? null : String(day)))
      return this.#pick(rows, dates, await this.#daysAtOnce())
    })
  }

  async #pick(rows: string, days: readonly (Day | null)[], atOnce: number): Promise<readonly WrittenFile[]> {
    const files: WrittenFile[] = []
    const size = Math.max(atOnce, days.length <= FEW_DAYS ? 1 : Math.ceil(Math.sqrt(days.length)))
    for (let at = 0; at < days.length; at += size) {
      const group = days.slice(at, at + size)
      const [day = null] = group
      const ofGroup = `FROM ${rows} WHERE ${isAmong(group)}`
      const name = `part-${++this.#parts}`
      if (group.length === 1) files.push(await this.writeFile(`SELECT * ${WITHOUT_DAY} ${ofGroup}`, name, day))
      else if (group.length <= atOnce) files.push(...(await this.#writeSideBySide(ofGroup, name)))
      else files.push(...(await this.#aside(ofGroup, (smaller) => this.#pick(smaller, group, atOnce))))
    }
    return files
  }

  /** Writes rows to a temporary file for `use`. */
  async #aside<T>(query: string, use: (rows: string) => Promise<T>): Promise<T> {
    const name = `aside-${++this.#parts}`
    const path = join(this.#directory, name)
    await this.#copy(query, name, 'COMPRESSION snappy')
    const result = await use(`read_parquet(${quoteText(globbed(path))})`)
    await rm(path)
    return result
  }

  async #copy(query: string, name: string, options: string): Promise<readonly Omit<WrittenFile, 'day'>[]> {
    const rows = Math.floor(ROW_GROUP_VALUES / this.#columns)
    const rowGroupSize = Math.min(ROW_GROUP_ROWS_MAX, Math.max(ROW_GROUP_ROWS_MIN, rows))
    const path = join(this.#directory, name)
    const write = (megabytes: number) =>
      this.#connection.all(`COPY (${query}) TO ${quoteText(path)} (FORMAT parquet, RETURN_STATS,
      ROW_GROUP_SIZE ${rowGroupSize}, ROW_GROUP_SIZE_BYTES '${megabytes}MB', ${options})`)
    const files = await write(ROW_GROUP_MEGABYTES).catch(async (error) => {
      if (!isOutOfMemory(error)) throw error
      // Each thread buffers rows. One thread fits in memory, and the run keeps this setting.
      await this.#connection.run('SET threads = 1')
      await rm(path, { recursive: true, force: true })
      return write(ROW_GROUP_MEGABYTES_OF_LONG_TEXTS)
    })
    return files.map(({ filename, count, file_size_bytes }) => ({
      path: String(filename),
      rows: Number(count),
      bytes: Number(file_size_bytes),
    }))
  }
}

/** The condition for rows of these days, which are consecutive among the existing days. */
function isAmong(days: readonly (Day | null)[]): string {
  const dated = days.filter((day) => day !== null)
  const [first] = dated
  const last = dated.at(-1)
  const isUndated = days.includes(null) ? `${DAY_COLUMN} IS NULL` : 'false'
  if (first === undefined || last === undefined) return isUndated
  return `(${DAY_COLUMN} BETWEEN ${dateLiteral(first)} AND ${dateLiteral(last)} OR ${isUndated})`
}

/** A query without rows, for a file that has these columns. */
export function queryWithoutRows(columns: readonly Column[]): string {
  const list = columns
    .filter(({ name }) => name !== DAY_COLUMN)
    .map(({ name, type }) => `CAST(NULL AS ${ENGINE_TYPES[type]}) AS ${quoteName(name)}`)
  // A file must have a column, and every data file has this one.
  if (list.length === 0) list.push('CAST(NULL AS VARCHAR) AS _load_id')
  return `SELECT ${list.join(', ')} LIMIT 0`
}

function dateLiteral(day: Day): string {
  return `DATE ${quoteText(day)}`
}

/** A path for the engine's readers, in which some characters would be patterns. */
export function globbed(path: string): string {
  return path.replace(/[*?[]/g, '[$&]')
}

const UNITS = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const

/** A size as the engine shows it, such as `272.4 MiB`. */
function bytesOf(text: string): number {
  const [, number = '0', unit = 'bytes'] = /^([\d.]+) (bytes|[KMGT]iB)$/.exec(text) ?? []
  return Number(number) * UNITS[unit as keyof typeof UNITS]
}
