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
 * CSV as engine and server both take it. Control characters hardly occur in texts and never in
 * JSON, so that next to nothing has to be quoted: 10 % less work on either side than with commas
 * and quotation marks. What does hold one is quoted like anything else in CSV. Null is nothing at
 * all; the empty text is quoted.
 */
export const CSV_CHARACTERS = "DELIMITER E'\\x1f', QUOTE E'\\x01', ESCAPE E'\\x01'"

const FILE_BLOCK_BYTES = 1024 * 1024
/** For fewer, a thread would take longer to start than to be of use. */
const ROWS_FOR_THREAD = 10_000

/** Rows of a query, on their way out of the engine. */
export interface CsvFeed {
  readonly stream: Readable
  /** The number of rows, once the stream has ended. Rejects when the engine fails, in any case. */
  readonly rows: Promise<number>
  /** Ends it early, too. The engine has let go of the query then. */
  stop(): Promise<void>
}

/** The way for the engine's rows: a named pipe if there are any, so that nothing is kept. */
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

  /** Lets the engine run a query of about so many rows and columns. Only one at a time. */
  async start(query: string, rows: number, columns: number, signal: AbortSignal): Promise<CsvFeed> {
    await this.#engine.makeRoomFor(columns, this.#connection)
    const pipe = await this.#pipePath()
    if (pipe === undefined) return feedThroughFile(this.#connection, query, this.#newPath(), signal)
    // Without waiting for the writer, which is in this process. From here on the writer need not
    // wait either.
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
      // No such program, or a file system that knows no pipes.
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
      // The engine does not see that it is to stop while it waits for room in the pipe, or for a
      // reader.
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
