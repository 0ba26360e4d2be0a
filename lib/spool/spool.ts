import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MixloadError, messageOf } from '../core/errors.ts'
import { makeDirectory } from '../core/make-directory.ts'
import { isRunning } from '../core/process-alive.ts'

/** Bytes after which a chunk file ends at the next block: large enough to read fast, small enough to try again alone. */
export const CHUNK_BYTES = 64 * 1024 * 1024

const WRITE_BYTES = 1024 * 1024

/** A run's directory of chunk files. Its name carries the process id, so that a later run clears up after a killed one. */
export class SpoolDirectory implements AsyncDisposable {
  readonly path: string
  #files = 0

  private constructor(path: string) {
    this.path = path
  }

  /** Makes a directory of its own under `parent`, readable for this user only, after removing those of dead processes. */
  static async create(parent: string): Promise<SpoolDirectory> {
    try {
      await makeDirectory(parent, 0o700)
      await removeAbandoned(parent)
      const path = join(parent, `spool-${process.pid}-${randomUUID().slice(0, 8)}`)
      await mkdir(path, { mode: 0o700 })
      return new SpoolDirectory(path)
    } catch (error) {
      throw spoolFailure(parent, error)
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
 * Writes lines to chunk files. `append` copies and returns at once; `flush` waits until the disk has kept up, which is
 * the pipeline's backpressure.
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
  /** Buffers that have been written, to be filled again: allocating each anew costs a tenth of the download's CPU. */
  readonly #spare: Buffer[] = []

  constructor(directory: SpoolDirectory, suffix: string) {
    this.#directory = directory
    this.#suffix = suffix
  }

  get isEmpty(): boolean {
    return this.chunks.length === 0 && this.#chunkBytes === 0 && this.#used === 0 && this.#full.length === 0
  }

  /** Takes `bytes[start, end)`, which must be whole lines or be followed by the rest of the line. */
  append(bytes: Buffer, start: number, end: number): void {
    let from = start
    while (from < end) {
      const length = Math.min(end - from, WRITE_BYTES - this.#used)
      bytes.copy(this.#buffer, this.#used, from, from + length)
      this.#used += length
      from += length
      if (this.#used === WRITE_BYTES) this.#turnOver()
    }
  }

  #turnOver(): void {
    this.#full.push(this.#buffer.subarray(0, this.#used))
    this.#buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(WRITE_BYTES)
    this.#used = 0
  }

  /** Call between lines: hands full buffers to the disk, keeping at most one write under way. */
  async flush(): Promise<void> {
    if (this.#full.length === 0) return
    await this.#writing
    const full = this.#full
    this.#full = []
    this.#writing = this.#write(full)
    // The next flush or finish awaits it; until then its failure must not count as unhandled.
    this.#writing.catch(() => {})
    if (this.#chunkBytes >= CHUNK_BYTES) await this.#endChunk()
  }

  /** Writes what is left and gives the chunk files. */
  async finish(): Promise<readonly Chunk[]> {
    if (this.#used > 0) this.#turnOver()
    await this.flush()
    await this.#endChunk()
    return this.chunks
  }

  /** Closes and deletes everything written. */
  async discard(): Promise<void> {
    await this.#writing.catch(() => {})
    await this.#file?.close()
    this.#file = undefined
    await removeChunks([...this.chunks, { path: this.#path, bytes: 0 }])
  }

  async #endChunk(): Promise<void> {
    // A chunk must end where a line does, so what the buffer still holds of it goes along.
    if (this.#used > 0) this.#turnOver()
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

/** Removes the files of chunks that are there. */
export async function removeChunks(chunks: readonly Chunk[]): Promise<void> {
  for (const { path } of chunks) if (path !== '') await rm(path, { force: true })
}

function spoolFailure(path: string, error: unknown): MixloadError {
  return new MixloadError(
    'SPOOL_FAILED',
    `Cannot write the spool at ${path}: ${messageOf(error)}. Free space there or set --spool-dir to another directory.`,
    { cause: error },
  )
}
