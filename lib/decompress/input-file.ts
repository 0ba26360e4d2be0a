import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal, type Readable } from 'node:stream'
import { MixloadError, messageOf } from '../core/errors.ts'
import { MAGIC_BYTES, packingOf } from './decompress.ts'
import { unzippedAside } from './decompress-thread.ts'

const READ_BYTES = 1024 * 1024

/** Bytes of what was unzipped that tell its form. */
const FORM_BYTES = 512

/**
 * The bytes of a file or a pipe, to be read once: unzipped where they are gzip or zstd, which their first bytes tell and
 * their name does not. Meanwhile they are counted and hashed as they lie on disk.
 */
export class InputFile {
  /** Bytes read so far, as on disk. */
  bytes = 0
  readonly #hash: Hash = createHash('sha256')
  readonly #source: Readable
  readonly #command: string

  /** `command`: what messages say to give a file to that has been unpacked. */
  constructor(source: Readable, signal: AbortSignal, command = 'mixload load -') {
    this.#source = addAbortSignal(signal, source)
    this.#command = command
  }

  static fromPath(path: string, signal: AbortSignal, command?: string): InputFile {
    return new InputFile(createReadStream(path, { highWaterMark: READ_BYTES }), signal, command)
  }

  /** The hash of all bytes, once, when they have been read. */
  sha256(): string {
    return this.#hash.digest('hex')
  }

  /** Reads without unzipping, for the hash alone. */
  async readThrough(): Promise<void> {
    for await (const _ of this.#packed());
  }

  /**
   * What is in the file, in blocks. Each is good until the next one is asked for.
   * @throws MixloadError FILE_REFUSED where it can't be read; BODY_TRUNCATED where it does not unzip to its end;
   *   BODY_UNREADABLE where it does not unzip at all, or is of a form that holds no lines of JSON.
   */
  async *blocks(): AsyncGenerator<Buffer, void, undefined> {
    let beginning: Buffer = Buffer.alloc(0)
    try {
      for await (const block of await asPacked(this.#packed())) {
        if (beginning.length < FORM_BYTES) {
          beginning = Buffer.concat([beginning, block.subarray(0, FORM_BYTES - beginning.length)])
          const form = wrongForm(beginning)
          if (form !== undefined) throw this.#refusal(form)
        }
        yield block
      }
    } finally {
      this.#source.destroy()
    }
  }

  #refusal({ says, unpack }: Form): MixloadError {
    const how = unpack === undefined ? '' : `: ${unpack} | ${this.#command}`
    return new MixloadError('BODY_UNREADABLE', `It is ${says}${how}.`)
  }

  async *#packed(): AsyncGenerator<Buffer, void, undefined> {
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

/** Looks at the first bytes, and gives all of them unzipped as these say. */
async function asPacked(packed: AsyncGenerator<Buffer, void, undefined>): Promise<AsyncIterable<Buffer>> {
  let head: Buffer = Buffer.alloc(0)
  while (head.length < MAGIC_BYTES) {
    const { value, done } = await packed.next()
    if (done) break
    head = head.length === 0 ? value : Buffer.concat([head, value])
  }
  const all = followedBy(head, packed)
  const packing = packingOf(head)
  return packing === 'none' ? all : unzippedAside(all, packing)
}

async function* followedBy(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  if (head.length > 0) yield head
  yield* rest
}

/**
 * The size of a file that can be read more than once; undefined where that is no question to ask, as of a pipe.
 * @throws MixloadError FILE_REFUSED where there is no such file, or it is a directory.
 */
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

/** What a file is, and what makes lines of JSON of it where one command does. */
interface Form {
  readonly says: string
  readonly unpack?: string
}

const FORMS: readonly (readonly [beginning: string, form: Form])[] = [
  ['PK\x03\x04', { says: 'a zip archive. Unzip it first' }],
  ['BZh', { says: 'packed with bzip2. Unpack it first', unpack: 'bunzip2 -c FILE' }],
  ['\xfd7zXZ', { says: 'packed with xz. Unpack it first', unpack: 'xz -dc FILE' }],
  ['\xff\xfe', { says: 'in UTF-16. Write it in UTF-8 first' }],
  ['\xfe\xff', { says: 'in UTF-16. Write it in UTF-8 first' }],
  ['PAR1', { says: 'a Parquet file. Write its events as JSON first, one a line' }],
  ['\x1f\x8b', { says: 'packed twice. Unpack it once first', unpack: 'gzip -dc < FILE' }],
]

/** After a byte order mark, too. Some of its lines may pass for events. */
const LIST_OF_OBJECTS = /^(?:\xef\xbb\xbf)?\s*\[\s*\{/

/** Where `ustar` stands in the first header of a tar archive. */
const TAR_MAGIC_AT = 257

/** The form of a file that can't be an event a line, from its first bytes; undefined for any that may be. */
function wrongForm(beginning: Buffer): Form | undefined {
  const text = beginning.toString('latin1')
  const form = FORMS.find(([start]) => text.startsWith(start))
  if (form !== undefined) return form[1]
  if (LIST_OF_OBJECTS.test(text)) return { says: 'a JSON list. Take it apart first', unpack: 'jq -c ".[]" FILE' }
  // Some of a tar archive's lines would pass for events, and those beside its headers would be lost.
  const isTar = text.startsWith('ustar', TAR_MAGIC_AT) && text.includes('\0')
  return isTar ? { says: 'a tar archive. Unpack it first', unpack: 'tar -xOf FILE' } : undefined
}

function readFailure(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (error instanceof MixloadError || typeof code !== 'string' || code === 'ABORT_ERR') return error
  const says = code === 'ENOENT' ? 'There is no such file' : `It cannot be read: ${messageOf(error)}`
  return new MixloadError('FILE_REFUSED', `${says}.`, { cause: error })
}
