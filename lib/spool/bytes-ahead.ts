import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { spoolFailure } from './spool.ts'

/**
 * Bytes that are stored in a file as they arrive, until somebody reads them: then the stored ones
 * come first, and the rest as it arrives. Read them once, or discard them.
 */
export class BytesAhead implements AsyncIterable<Buffer> {
  /** How many bytes have been stored so far. */
  bytes = 0
  /** Resolves when all bytes have arrived, nothing more arrives, or somebody reads them. */
  readonly stored: Promise<void>
  readonly #source: AsyncIterator<Buffer>
  readonly #path: string
  #isWanted = false
  #isOver = false
  #failure: { readonly error: unknown } | undefined
  #file: FileHandle | undefined

  /** `onStored`: called with the number of bytes whenever some have been stored. */
  constructor(source: AsyncIterable<Buffer>, path: string, onStored: (bytes: number) => void) {
    this.#source = source[Symbol.asyncIterator]()
    this.#path = path
    this.stored = this.#store(onStored)
  }

  /** Throws what the source throws, after the bytes before that; and SPOOL_FAILED. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    this.#isWanted = true
    try {
      await this.stored
      if (this.bytes > 0) yield* createReadStream(this.#path) as AsyncIterable<Buffer>
      if (this.#failure !== undefined) throw this.#failure.error
      while (!this.#isOver) {
        const { value, done } = await this.#source.next()
        if (done) return
        yield value
      }
    } finally {
      await this.discard()
    }
  }

  /** Stops storing and deletes the file. */
  async discard(): Promise<void> {
    this.#isWanted = true
    await this.#source.return?.()
    await this.stored
    await rm(this.#path, { force: true })
  }

  async #store(onStored: (bytes: number) => void): Promise<void> {
    try {
      while (!this.#isWanted) {
        const { value, done } = await this.#source.next()
        if (done) {
          this.#isOver = true
          return
        }
        await this.#write(value)
        onStored(value.length)
      }
    } catch (error) {
      this.#failure = { error }
    } finally {
      await this.#file?.close()
    }
  }

  async #write(block: Buffer): Promise<void> {
    try {
      this.#file ??= await open(this.#path, 'wx', 0o600)
      for (let at = 0; at < block.length; ) at += (await this.#file.write(block, at)).bytesWritten
      this.bytes += block.length
    } catch (error) {
      throw spoolFailure(this.#path, error)
    }
  }
}
