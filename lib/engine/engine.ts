import { availableParallelism } from 'node:os'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { isFailure, MixloadError, messageOf } from '../core/errors.ts'
import { quoteText } from '../core/sql.ts'

/** Options of an engine. */
export interface EngineOptions {
  /** What the engine may hold in memory before it goes to disk, such as `400MB`; undefined: as loads need it. */
  readonly memoryLimit: string | undefined
  /** Where it puts what does not fit in memory. */
  readonly temporaryDirectory: string
  readonly threads?: number
}

/** What the engine may hold where it is not told, for a table of no columns. */
const MEMORY_MEGABYTES = 200
/** What a load holds more for each column of its table and each thread: a block of 256 KB, and what waits for one. */
const MEGABYTES_PER_COLUMN_AND_THREAD = 1
/** More threads want more memory, and the download can't feed them. */
const THREADS_MAX = 4
/** A wider table is loaded by one thread: a second one would need its own block for each column, and gains little. */
const COLUMNS_FOR_THREADS_MAX = 150

/** The embedded DuckDB that transforms spooled lines for every destination. Its clock is UTC. */
export class Engine implements AsyncDisposable {
  readonly #instance: DuckDBInstance
  readonly #connections: EngineConnection[] = []
  readonly #isLimitGiven: boolean
  readonly #threads: number
  #columns = 0

  private constructor(instance: DuckDBInstance, isLimitGiven: boolean, threads: number) {
    this.#instance = instance
    this.#isLimitGiven = isLimitGiven
    this.#threads = threads
  }

  static async create(options: EngineOptions): Promise<Engine> {
    const threads = options.threads ?? Math.min(THREADS_MAX, availableParallelism())
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: options.memoryLimit ?? `${MEMORY_MEGABYTES}MB`,
      temp_directory: options.temporaryDirectory,
      // The order of rows in a table means nothing, and keeping it costs memory and time.
      preserve_insertion_order: 'false',
      threads: String(threads),
    })
    return new Engine(instance, options.memoryLimit !== undefined, threads)
  }

  /** Fits threads and memory to a load into a table of this many columns. A limit that the user has set stays. */
  async makeRoomFor(columns: number, connection: EngineConnection): Promise<void> {
    if (columns <= this.#columns) return
    this.#columns = columns
    if (columns > COLUMNS_FOR_THREADS_MAX) await connection.run('SET threads = 1')
    if (this.#isLimitGiven) return
    const threads = columns > COLUMNS_FOR_THREADS_MAX ? 1 : this.#threads
    const megabytes = Math.ceil(MEMORY_MEGABYTES + columns * threads * MEGABYTES_PER_COLUMN_AND_THREAD)
    await connection.run(`SET memory_limit = ${quoteText(`${megabytes}MB`)}`)
  }

  async connect(): Promise<EngineConnection> {
    const connection = new EngineConnection(await this.#instance.connect())
    this.#connections.push(connection)
    await connection.run("SET TimeZone = 'UTC'")
    return connection
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close()
    this.#instance.closeSync()
  }
}

/** The value of a parameter in a statement. */
export type EngineParameter = null | boolean | number | bigint | string

/** A value in the result of a query, as plain JavaScript. */
export type EngineValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | EngineValue[]
  | { [key: string]: EngineValue }

/** A connection to the engine. One statement at a time. */
export class EngineConnection {
  readonly #connection: DuckDBConnection
  #isClosed = false

  /** @internal */
  constructor(connection: DuckDBConnection) {
    this.#connection = connection
  }

  /** Runs a statement and gives the number of rows it changed. */
  async run(sql: string, values: readonly EngineParameter[] = []): Promise<number> {
    try {
      return (await this.#connection.run(sql, [...values])).rowsChanged
    } catch (error) {
      throw engineFailure(error)
    }
  }

  /** Runs a query and gives its rows as plain JavaScript values. */
  async all(sql: string, values: readonly EngineParameter[] = []): Promise<Record<string, EngineValue>[]> {
    try {
      return (await this.#connection.runAndReadAll(sql, [...values])).getRowObjectsJS()
    } catch (error) {
      throw engineFailure(error)
    }
  }

  /** Runs a query that gives one text a row, and hands the texts over in batches as they come. Gives their number. */
  async texts(sql: string, take: (texts: readonly string[]) => void | Promise<void>): Promise<number> {
    let count = 0
    for await (const texts of this.#batches(sql)) {
      count += texts.length
      await take(texts)
    }
    return count
  }

  async *#batches(sql: string): AsyncGenerator<readonly string[]> {
    try {
      const result = await this.#connection.stream(sql)
      for await (const rows of result.yieldRowsJs()) yield rows.map(([text]) => String(text))
    } catch (error) {
      throw engineFailure(error)
    }
  }

  /** Stops the statement under way as soon as the engine looks. */
  interrupt(): void {
    if (!this.#isClosed) this.#connection.interrupt()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#connection.closeSync()
  }
}

/** How often a statement is told to stop: an interrupt that comes between two statements is lost. */
const INTERRUPT_EVERY_MS = 20

/**
 * Runs `work` so that `signal` interrupts the connection's statement. Work of several statements must ask the signal
 * before the one that counts: an abort between two statements stops neither.
 */
export async function interruptible<T>(
  connection: EngineConnection,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  let timer: NodeJS.Timeout | undefined
  const interrupt = () => {
    connection.interrupt()
    timer = setInterval(() => connection.interrupt(), INTERRUPT_EVERY_MS)
  }
  signal.addEventListener('abort', interrupt, { once: true })
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    clearInterval(timer)
    signal.removeEventListener('abort', interrupt)
  }
}

/** A query that gives each row of another as the text of a JSON object. */
export function rowsAsJson(query: string): string {
  return `SELECT CAST(to_json(_row) AS VARCHAR) FROM (${query}\n) AS _row`
}

/** A list of files as the engine's table functions take it. */
export function fileList(paths: readonly string[]): string {
  return `[${paths.map(quoteText).join(', ')}]`
}

/** The kinds of the engine's errors that what it reads is to blame for. */
const OF_DATA = /^(?:Invalid Input|Conversion|Out of Range) Error/

/** Whether a failure is that of what the engine was given to read, and not of memory, disk or anything else. */
export function isOfData(error: unknown): boolean {
  return isEngineError(error, OF_DATA)
}

/** Whether a database file could not be attached because another process has it. There is no code for it, only the message. */
export function isHeldElsewhere(error: unknown): boolean {
  return /could not set lock|conflicting lock|being used by another process/i.test(messageOf(error))
}

/** Whether the engine had too little memory. */
export function isOutOfMemory(error: unknown): boolean {
  return isEngineError(error, /^Out of Memory Error/)
}

/** The engine gives no codes: what it failed of, only the beginning of its message tells. */
function isEngineError(error: unknown, kind: RegExp): boolean {
  return isFailure(error, 'ENGINE_FAILED') && error.cause instanceof Error && kind.test(error.cause.message)
}

function engineFailure(error: unknown): MixloadError {
  return new MixloadError('ENGINE_FAILED', `The transform engine failed: ${messageOf(error)}`, { cause: error })
}
