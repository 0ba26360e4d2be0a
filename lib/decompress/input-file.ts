import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal, type Readable } from 'node:stream'
import { MixloadError, messageOf } from '../core/errors.ts'
import { byteCount, peek } from '../core/peek.ts'
import { compressionOf, MAGIC_BYTES } from './decompress.ts'
import { decompressInWorker } from './decompress-in-worker.ts'

const READ_BYTES = 1024 * 1024

/** How many decompressed bytes decide the format of a file. */
const FORMAT_BYTES = 512

/** A file or a pipe, read once: hashed as on disk, decompressed as its first bytes require. */
export class InputFile {
  bytes = 0
  readonly #hash: Hash = createHash('sha256')
  readonly #source: Readable
  readonly #command: string

  /** `command`: what messages suggest to pipe a decompressed file into. */
  constructor(source: Readable, signal: AbortSignal, command = 'mixload load -') {
    this.#source = addAbortSignal(signal, source)
    this.#command = command
  }

  static fromPath(path: string, signal: AbortSignal, command?: string): InputFile {
    return new InputFile(createReadStream(path, { highWaterMark: READ_BYTES }), signal, command)
  }

  /** The hash of all bytes. Call it once, when they have been read. */
  sha256(): string {
    return this.#hash.digest('hex')
  }

  /** Reads all bytes without decompressing them, for the hash alone. */
  async readThrough(): Promise<void> {
    for await (const _ of this.#onDisk());
  }

  /**
   * The decompressed bytes. Use each block before requesting the next one. @throws MixloadError
   * FILE_REFUSED if the file cannot be read; BODY_TRUNCATED or BODY_UNREADABLE if its compressed
   * data is cut or damaged, or if its format has no lines of JSON.
   */
  async *blocks(): AsyncGenerator<Buffer, void, undefined> {
    let beginning: Buffer = Buffer.alloc(0)
    try {
      for await (const block of await decompressedByContent(this.#onDisk())) {
        if (beginning.length < FORMAT_BYTES) {
          beginning = Buffer.concat([beginning, block.subarray(0, FORMAT_BYTES - beginning.length)])
          const format = unsupportedFormat(beginning)
          if (format !== undefined) {
            throw new MixloadError('BODY_UNREADABLE', `It is ${format.replace(/\|$/, `| ${this.#command}`)}.`)
          }
        }
        yield block
      }
    } finally {
      this.#source.destroy()
    }
  }

  async *#onDisk(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const block of this.#source as AsyncIterable<Buffer>) {
        this.bytes += block.length
        this.#hash.update(block)
        yield block
      }
    } catch (error) {
      throw readFailure(error)
    }
  }
}

/** All bytes, decompressed as the first of them require. */
async function decompressedByContent(bytes: AsyncGenerator<Buffer, void, undefined>): Promise<AsyncIterable<Buffer>> {
  const { first, all } = await peek(bytes, (blocks) => byteCount(blocks) >= MAGIC_BYTES)
  const compression = compressionOf(Buffer.concat(first))
  return compression === 'none' ? all : decompressInWorker(all, compression)
}

/** The size of a file; undefined for a pipe. @throws MixloadError FILE_REFUSED */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) {
      throw new MixloadError('FILE_REFUSED', `It is a directory. Name the files in it: ${path.replace(/\/+$/, '')}/*`)
    }
    return found.isFile() ? found.size : undefined
  } catch (error) {
    throw readFailure(error)
  }
}

/** What such a file is and what to do first, after "It is". A command to pipe from ends in `|`. */
const FORMATS: readonly (readonly [beginning: string, description: string])[] = [
  ['PK\x03\x04', 'a zip archive. Extract it first'],
  ['BZh', 'compressed with bzip2. Decompress it first: bunzip2 -c FILE |'],
  ['\xfd7zXZ', 'compressed with xz. Decompress it first: xz -dc FILE |'],
  ['\xff\xfe', 'in UTF-16. Write it in UTF-8 first'],
  ['\xfe\xff', 'in UTF-16. Write it in UTF-8 first'],
  ['PAR1', 'a Parquet file. Write its events as JSON first, one per line'],
  ['\x1f\x8b', 'compressed twice. Decompress it once first: gzip -dc < FILE |'],
]

/** An array of objects, whose lines could be mistaken for events. */
const ARRAY_OF_OBJECTS = /^(?:\xef\xbb\xbf)?\s*\[\s*\{/

/** The position of `ustar` in the first header of a tar archive. */
const TAR_MAGIC_AT = 257

/** The format of a file that cannot hold one event per line; undefined if it may. */
function unsupportedFormat(beginning: Buffer): string | undefined {
  const text = beginning.toString('latin1')
  const format = FORMATS.find(([start]) => text.startsWith(start))
  if (format !== undefined) return format[1]
  if (ARRAY_OF_OBJECTS.test(text)) return 'a JSON array. Write its elements one per line first: jq -c ".[]" FILE |'
  // Most lines of a tar archive are valid events; those next to its headers would be lost.
  const isTar = text.startsWith('ustar', TAR_MAGIC_AT) && text.includes('\0')
  return isTar ? 'a tar archive. Extract it first: tar -xOf FILE |' : undefined
}

function readFailure(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (error instanceof MixloadError || typeof code !== 'string' || code === 'ABORT_ERR') return error
  const message = code === 'ENOENT' ? 'The file does not exist' : `It cannot be read: ${messageOf(error)}`
  return new MixloadError('FILE_REFUSED', `${message}.`, { cause: error })
}
