import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { constants, createReadStream, openSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { quoteText } from '../../../lib/core/sql.ts'
import { type Engine, type EngineConnection, interruptible } from '../../../lib/engine/engine.ts'
import { PipeReader } from './pipe-reader.ts'

/**
 * The form of CSV that both the engine and the server support. Control characters are rare in texts
 * and never in JSON, so almost nothing needs quoting: 10 % less work on both sides than with commas
 * and quotation marks. Null is an empty field; an empty text is quoted.
 */
export const CSV_CHARACTERS = "DELIMITER E'\\x1f', QUOTE E'\\x01', ESCAPE E'\\x01'"

const FILE_BLOCK_BYTES = 1024 * 1024
/** With fewer rows, starting a thread takes longer than it saves. */
const ROWS_FOR_THREAD = 10_000

/** The rows of a query while the engine writes them. */
export interface CsvFeed {
  readonly stream: Readable
  /** The number of rows, when the stream has ended. Rejects if the engine fails. */
  readonly rows: Promise<number>
  /** Ends it, early or not. When it resolves, the engine no longer runs the query. */
  stop(): Promise<void>
}

/** Passes the engine's rows on: through a named pipe if the system has them, else a file. */
export class CsvOutlet implements AsyncDisposable {
  readonly #engine: Engine
  readonly #connection: EngineConnection
  readonly #directory: string
  #hasPipes: boolean
  #pipe: string | undefined
  #reader: PipeReader | undefined

  private constructor(engine: Engine, connection: EngineConnection, directory: string, hasPipes: boolean) {
    this.#engine = engine
    this.#connection = connection
    this.#directory = directory
    this.#hasPipes = hasPipes
  }

  static async open(engine: Engine, directory: string, hasPipes = process.platform !== 'win32'): Promise<CsvOutlet> {
    return new CsvOutlet(engine, await engine.connect(), directory, hasPipes)
  }

  /** Starts a query of about so many rows and columns. Only one at a time. */
  async start(query: string, rows: number, columns: number, signal: AbortSignal): Promise<CsvFeed> {
    await this.#engine.makeRoomFor(columns, this.#connection)
    const pipe = await this.#pipePath()
    if (pipe === undefined) return feedThroughFile(this.#connection, query, this.#newPath(), signal)
    // Does not wait for the writer, which is in this process. After this, the writer need not wait
    // for a reader either.
    const fd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    return feedThroughPipe(this.#connection, query, pipe, this.#read(fd, rows), signal)
  }

  #read(fd: number, rows: number): Readable {
    if (rows < ROWS_FOR_THREAD) return new Socket({ fd, readable: true, writable: false })
    this.#reader ??= new PipeReader()
    return this.#reader.read(fd)
  }

  async #pipePath(): Promise<string | undefined> {
    await mkdir(this.#directory, { recursive: true })
    if (!this.#hasPipes || this.#pipe !== undefined) return this.#pipe
    const path = this.#newPath()
    try {
      await promisify(execFile)('mkfifo', ['-m', '600', path])
      this.#pipe = path
    } catch {
      // There is no such program, or the file system has no pipes.
      this.#hasPipes = false
    }
    return this.#pipe
  }

  #newPath(): string {
    return join(this.#directory, `postgres-${randomUUID()}.csv`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close()
    await this.#reader?.[Symbol.asyncDispose]()
    if (this.#pipe !== undefined) await rm(this.#pipe, { force: true })
  }
}

function copyTo(query: string, path: string): string {
  return `COPY (${query}) TO ${quoteText(path)} (FORMAT csv, HEADER false, NULLSTR '', USE_TMP_FILE false, ${CSV_CHARACTERS})`
}

function feedThroughPipe(
  connection: EngineConnection,
  query: string,
  path: string,
  stream: Readable,
  signal: AbortSignal,
): CsvFeed {
  stream.on('error', () => {})
  const stopped = new AbortController()
  const written = interruptible(connection, AbortSignal.any([signal, stopped.signal]), () =>
    connection.run(copyTo(query, path)),
  )
  // An engine that fails before it opens the pipe never ends the stream.
  const rows = Promise.all([written, once(stream, 'end')]).then(([count]) => count)
  rows.catch(() => {})
  return {
    stream,
    rows,
    async stop() {
      stopped.abort()
      // While the engine waits for space in the pipe, or for a reader, it does not notice an
      // interrupt.
      stream.unpipe()
      stream.resume()
      await written.catch(() => {})
      stream.destroy()
    },
  }
}

async function feedThroughFile(
  connection: EngineConnection,
  query: string,
  path: string,
  signal: AbortSignal,
): Promise<CsvFeed> {
  const remove = () => rm(path, { force: true })
  try {
    const count = await interruptible(connection, signal, () => connection.run(copyTo(query, path)))
    const stream = createReadStream(path, { highWaterMark: FILE_BLOCK_BYTES })
    const rows = once(stream, 'end').then(() => count)
    rows.catch(() => {})
    return {
      stream,
      rows,
      async stop() {
        stream.destroy()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
