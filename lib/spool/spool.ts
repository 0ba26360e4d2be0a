import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makePrivateDirectory } from '../core/directories.ts'
import { MixloadError, messageOf } from '../core/errors.ts'
import { isRunning } from '../core/process-alive.ts'

/**
 * A chunk ends with the block that reaches this: large enough to be fast, small enough to retry.
 */
export const CHUNK_BYTES = 64 * 1024 * 1024

const WRITE_BYTES = 1024 * 1024

/** A run's chunk files. The process id in its name lets a later run clean up after a killed one. */
export class SpoolDirectory implements AsyncDisposable {
  readonly path: string
  #files = 0

  private constructor(path: string) {
    this.path = path
  }

  /** Creates a directory only for this user under `parent`. Removes those of dead processes. */
  static async create(parent: string): Promise<SpoolDirectory> {
    try {
      await makePrivateDirectory(parent, '--spool-dir')
      await removeAbandoned(parent)
      const path = join(parent, `spool-${process.pid}-${randomUUID().slice(0, 8)}`)
      await mkdir(path, { mode: 0o700 })
      return new SpoolDirectory(path)
    } catch (error) {
      throw error instanceof MixloadError ? error : spoolFailure(parent, error)
    }
  }

  nextFile(suffix: string): string {
    this.#files++
    return join(this.path, `${String(this.#files).padStart(6, '0')}${suffix}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const process = /^spool-(\d+)-/.exec(name)?.[1]
    if (process !== undefined && !isRunning(Number(process)))
      await rm(join(parent, name), { recursive: true, force: true })
  }
}

/** A finished chunk file. */
export interface Chunk {
  readonly path: string
  readonly bytes: number
}

/**
 * Writes lines to chunk files. `append` only copies; `flush` waits for the disk: the backpressure.
 */
export class ChunkWriter {
  readonly chunks: Chunk[] = []
  readonly #directory: SpoolDirectory
  readonly #suffix: string
  #buffer: Buffer = Buffer.allocUnsafeSlow(WRITE_BYTES)
  #used = 0
  #file: FileHandle | undefined
  #path = ''
  #chunkBytes = 0
  #writing: Promise<void> = Promise.resolve()
  #full: Buffer[] = []
  /** For reuse: allocating new buffers takes a tenth of the CPU time of a download. */
  readonly #spare: Buffer[] = []

  constructor(directory: SpoolDirectory, suffix: string) {
    this.#directory = directory
    this.#suffix = suffix
  }

  get isEmpty(): boolean {
    return this.chunks.length === 0 && this.#chunkBytes === 0 && this.#used === 0 && this.#full.length === 0
  }

  /** Appends `bytes[start, end)`: whole lines, or the beginning of a line whose rest follows. */
  append(bytes: Buffer, start: number, end: number): void {
    let from = start
    while (from < end) {
      const length = Math.min(end - from, WRITE_BYTES - this.#used)
      bytes.copy(this.#buffer, this.#used, from, from + length)
      this.#used += length
      from += length
      if (this.#used === WRITE_BYTES) this.#startBuffer()
    }
  }

  #startBuffer(): void {
    this.#full.push(this.#buffer.subarray(0, this.#used))
    this.#buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(WRITE_BYTES)
    this.#used = 0
  }

  /** Writes full buffers to disk, with at most one write at a time. Call it between lines. */
  async flush(): Promise<void> {
    if (this.#full.length === 0) return
    await this.#writing
    const full = this.#full
    this.#full = []
    this.#writing = this.#write(full)
    // The next flush or finish awaits it; until then its error must not count as unhandled.
    this.#writing.catch(() => {})
    if (this.#chunkBytes >= CHUNK_BYTES) await this.#endChunk()
  }

  /** Writes the rest. Returns the chunk files. */
  async finish(): Promise<readonly Chunk[]> {
    if (this.#used > 0) this.#startBuffer()
    await this.flush()
    await this.#endChunk()
    return this.chunks
  }

  async discard(): Promise<void> {
    await this.#writing.catch(() => {})
    await this.#file?.close()
    this.#file = undefined
    await removeChunks([...this.chunks, { path: this.#path }])
  }

  async #endChunk(): Promise<void> {
    // A chunk ends with a whole line, so the rest of the buffer belongs to it.
    if (this.#used > 0) this.#startBuffer()
    const rest = this.#full
    this.#full = []
    await this.#writing
    await this.#write(rest)
    if (this.#file === undefined) return
    await this.#file.close()
    this.#file = undefined
    this.chunks.push({ path: this.#path, bytes: this.#chunkBytes })
    this.#chunkBytes = 0
  }

  async #write(buffers: readonly Buffer[]): Promise<void> {
    try {
      for (const buffer of buffers) {
        if (this.#file === undefined) {
          this.#path = this.#directory.nextFile(this.#suffix)
          this.#file = await open(this.#path, 'wx', 0o600)
        }
        this.#chunkBytes += buffer.length
        for (let at = 0; at < buffer.length; ) at += (await this.#file.write(buffer, at)).bytesWritten
        if (buffer.length === WRITE_BYTES) this.#spare.push(buffer)
      }
    } catch (error) {
      throw spoolFailure(this.#path, error)
    }
  }
}

/** Deletes the files of chunks, those that exist. */
export async function removeChunks(chunks: readonly Pick<Chunk, 'path'>[]): Promise<void> {
  for (const { path } of chunks) if (path !== '') await rm(path, { force: true })
}

/** The error of a file in the spool that cannot be written. */
export function spoolFailure(path: string, error: unknown): MixloadError {
  return new MixloadError(
    'SPOOL_FAILED',
    `Cannot write the spool at ${path}: ${messageOf(error)}. Free space there or set --spool-dir to another directory.`,
    { cause: error },
  )
}
