import { availableParallelism } from 'node:os'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { rowAlias } from '../columns/naming.ts'
import { isFailure, MixloadError, messageOf } from '../core/errors.ts'
import { quoteText } from '../core/sql.ts'

/** Options of an engine. */
export interface EngineOptions {
  /** How much memory it uses before it uses the disk, such as `400MB`; undefined: as needed. */
  readonly memoryLimit: string | undefined
  /** Where the engine writes what does not fit in memory. */
  readonly temporaryDirectory: string
  readonly threads?: number
}

/** The default memory limit, for a table without columns. */
const MEMORY_MEGABYTES = 200
/** Each thread has a block of 256 KB for each column, and rows that wait to be written. */
const MEGABYTES_PER_COLUMN_AND_THREAD = 1
/** More threads need more memory, and the download cannot keep them busy. */
const THREADS_MAX = 4
/** Wider tables get one thread: a second one needs a block for each column and gains little. */
const COLUMNS_FOR_THREADS_MAX = 150
/** Takes half of the time to plan a load into a wide table, for which it finds nothing. */
const COSTLY_OPTIMIZER = 'statistics_propagation'

/** The embedded DuckDB that transforms spooled lines for every destination, in UTC. */
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
      // The order of rows does not matter, and keeping it costs memory and time.
      preserve_insertion_order: 'false',
      threads: String(threads),
      // A file or a query must not make the engine fetch code from the internet, or load it.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
    return new Engine(instance, options.memoryLimit !== undefined, threads)
  }

  /**
   * Adapts threads, memory and planning to a table's number of columns. A limit of the user stays.
   */
  async makeRoomFor(columns: number, connection: EngineConnection): Promise<void> {
    if (columns <= this.#columns) return
    this.#columns = columns
    if (columns > COLUMNS_FOR_THREADS_MAX) {
      await connection.run('SET threads = 1')
      await connection.run(`SET disabled_optimizers = ${quoteText(COSTLY_OPTIMIZER)}`)
    }
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

  /** Runs a statement. Returns the number of rows that it changed. */
  async run(sql: string, values: readonly EngineParameter[] = []): Promise<number> {
    try {
      return (await this.#connection.run(sql, [...values])).rowsChanged
    } catch (error) {
      throw engineFailure(error)
    }
  }

  /** Runs a query. Returns its rows as plain JavaScript values. */
  async all(sql: string, values: readonly EngineParameter[] = []): Promise<Record<string, EngineValue>[]> {
    try {
      return (await this.#connection.runAndReadAll(sql, [...values])).getRowObjectsJS()
    } catch (error) {
      throw engineFailure(error)
    }
  }

  /**
   * Runs a query with one text per row, passes them on as they arrive, and returns their number.
   */
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

  interrupt(): void {
    if (!this.#isClosed) this.#connection.interrupt()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#connection.closeSync()
  }
}

/** How often the engine is asked to stop: an interrupt between two statements is lost. */
const INTERRUPT_EVERY_MS = 20

/**
 * Runs `work` and interrupts the connection's statement when `signal` aborts. If `work` runs
 * several statements, it must check the signal before the decisive one, because an abort between
 * two statements stops neither.
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

/** A query for the rows of another query, each as the text of a JSON object. */
export function rowsAsJson(query: string): string {
  const row = rowAlias(query)
  return `SELECT CAST(to_json(${row}) AS VARCHAR) FROM (${query}\n) AS ${row}`
}

/** A list of files as an argument of the engine's table functions. */
export function fileList(paths: readonly string[]): string {
  return `[${paths.map(quoteText).join(', ')}]`
}

/** The engine's errors about the data that it reads. */
const DATA_ERROR = /^(?:Invalid Input|Conversion|Out of Range) Error/

/** Whether an error is about the data that the engine read, not about memory or the disk. */
export function isDataError(error: unknown): boolean {
  return isEngineError(error, DATA_ERROR)
}

/**
 * The process that has a database file open, if that is why the file could not be attached. The
 * engine has no error code for this.
 */
export function lockOwner(error: unknown): string | undefined {
  const message = messageOf(error)
  if (!/could not set lock|conflicting lock|being used by another process/i.test(message)) return undefined
  const pid = /PID (\d+)/.exec(message)?.[1]
  return pid === undefined ? 'another process' : `process ${pid}`
}

/** Whether the engine ran out of memory. */
export function isOutOfMemory(error: unknown): boolean {
  return isEngineError(error, /^Out of Memory Error/)
}

/** The engine has no error codes, so the beginning of the message decides. */
function isEngineError(error: unknown, kind: RegExp): boolean {
  return isFailure(error, 'ENGINE_FAILED') && error.cause instanceof Error && kind.test(error.cause.message)
}

function engineFailure(error: unknown): MixloadError {
  return new MixloadError('ENGINE_FAILED', `The transform engine failed: ${messageOf(error)}`, { cause: error })
}
