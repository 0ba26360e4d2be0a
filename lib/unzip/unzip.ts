import {
  createGunzip,
  createInflate,
  createZstdDecompress,
  type Gunzip,
  gunzip,
  type Inflate,
  inflate,
  type ZstdDecompress,
} from 'node:zlib'
import { MixloadError, messageOf } from '../errors.ts'
import { ZstdFrames } from './zstd-frames.ts'

/** How bytes are packed. */
export type Packing = keyof typeof DECOMPRESSORS | 'none'

const GZIP = [0x1f, 0x8b]
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd]
/** What a zstd file may begin with instead: a frame to be skipped, whose first four bits do not matter. */
const ZSTD_SKIPPABLE = [0x2a, 0x4d, 0x18]

/** Bytes of a beginning that {@link packingOf} looks at. */
export const MAGIC_BYTES = 4

/** What is unzipped and not used yet is not much, and little is left to be collected. */
const OUTPUT = { chunkSize: 64 * 1024, readableHighWaterMark: 256 * 1024 }

const DECOMPRESSORS = {
  gzip: () => createGunzip(OUTPUT),
  deflate: () => createInflate(OUTPUT),
  zstd: () => createZstdDecompress(OUTPUT),
} as const satisfies Record<string, () => Decompressor>

type Decompressor = Gunzip | Inflate | ZstdDecompress

/** The packing that the beginning of some bytes tells. */
export function packingOf(beginning: Buffer): Packing {
  const begins = (magic: readonly number[], from = 0) => magic.every((byte, at) => beginning[from + at] === byte)
  if (begins(GZIP)) return 'gzip'
  const isSkippable = ((beginning[0] ?? 0) & 0xf0) === 0x50 && begins(ZSTD_SKIPPABLE, 1)
  return begins(ZSTD) || isSkippable ? 'zstd' : 'none'
}

/**
 * What is packed in these bytes: all members of gzip, all frames of zstd, one after the other. Node unzips only the first
 * frame of zstd and drops what follows without a word, so what is left over is given to another decompressor here.
 *
 * @throws MixloadError BODY_TRUNCATED where the bytes end too early, BODY_UNREADABLE where they are not what they began as.
 */
export async function* unzipped(
  bytes: AsyncIterator<Buffer, void>,
  packing: Exclude<Packing, 'none'>,
): AsyncGenerator<Buffer, void, undefined> {
  yield* everyStream(packing === 'zstd' ? completeFrames(bytes) : bytes, packing)
}

/** The same bytes. @throws MixloadError BODY_TRUNCATED where they end within a frame of zstd. */
async function* completeFrames(bytes: AsyncIterator<Buffer, void>): AsyncGenerator<Buffer, void, undefined> {
  const frames = new ZstdFrames()
  for (let block = await nextOf(bytes); block !== undefined; block = await nextOf(bytes)) {
    frames.push(block)
    yield block
  }
  if (!frames.isComplete) throw truncated('zstd')
}

async function* everyStream(
  bytes: AsyncIterator<Buffer, void>,
  packing: Exclude<Packing, 'none'>,
): AsyncGenerator<Buffer, void, undefined> {
  let left = await nextOf(bytes)
  while (left !== undefined) {
    const unzip = DECOMPRESSORS[packing]()
    const feeding = feed(unzip, left, bytes)
    // Awaited when the decompressor has come to its end; until then a failure must not count as unhandled.
    feeding.catch((error) => unzip.destroy(error))
    try {
      for await (const block of unzip) yield block as Buffer
      left = await feeding
    } catch (error) {
      throw unzipFailure(packing, error)
    } finally {
      unzip.destroy()
    }
    if (packing === 'gzip') left = await withoutPadding(left, bytes)
  }
}

/** What {@link unzippedAtOnce} gives at most: Node's buffers and texts have room for it. */
export const UNZIPPED_BYTES_MAX = 512 * 1024 * 1024

/** Room that is made at a time for what is unzipped at once, bytes: at least, and at most. */
const ROOM_MIN = 64 * 1024
const ROOM_MAX = 8 * 1024 * 1024

/**
 * As {@link unzipped}, of bytes that are all there: what they hold in one piece, for less work than in many.
 * @throws MixloadError as {@link unzipped}; ANSWER_TOO_LARGE where there is more than {@link UNZIPPED_BYTES_MAX}.
 */
export async function unzippedAtOnce(bytes: Buffer, packing: keyof typeof AT_ONCE): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let left = bytes; left.length > 0; ) {
    const { buffer, taken } = await unzipOne(left, packing)
    parts.push(buffer)
    left = left.subarray(taken)
    if (packing === 'gzip') left = left.subarray(paddingOf(left))
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
}

const AT_ONCE = { gzip: gunzip, deflate: inflate }

/** What the first stream of some bytes holds, and how many of them it takes. */
function unzipOne(bytes: Buffer, packing: keyof typeof AT_ONCE): Promise<{ buffer: Buffer; taken: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ buffer: Buffer; taken: number }>()
  const options = { chunkSize: roomFor(bytes, packing), maxOutputLength: UNZIPPED_BYTES_MAX, info: true }
  AT_ONCE[packing](bytes, options, (error, result) => {
    if (error !== null) return reject(unzipFailure(packing, error))
    // With `info` it is not only the buffer, which the types do not know.
    const { buffer, engine } = result as unknown as { buffer: Buffer; engine: Decompressor }
    resolve({ buffer, taken: engine.bytesWritten })
  })
  return promise
}

/** With all the room that is needed there is one piece. The last bytes of gzip tell how much that mostly is. */
function roomFor(bytes: Buffer, packing: keyof typeof AT_ONCE): number {
  if (packing !== 'gzip' || bytes.length < 4) return ROOM_MIN
  return Math.min(Math.max(bytes.readUInt32LE(bytes.length - 4) + 1, ROOM_MIN), ROOM_MAX)
}

/** Writes bytes to a decompressor until it has had enough, and gives what of them it did not take. */
async function feed(
  unzip: Decompressor,
  first: Buffer,
  bytes: AsyncIterator<Buffer, void>,
): Promise<Buffer | undefined> {
  for (let block: Buffer | undefined = first; block !== undefined; block = await nextOf(bytes)) {
    const before = unzip.bytesWritten
    await written(unzip, block)
    const taken = unzip.bytesWritten - before
    if (taken < block.length) return block.subarray(taken)
  }
  unzip.end()
  return undefined
}

function written(unzip: Decompressor, block: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  unzip.write(block, (error) => (error ? reject(error) : resolve()))
  return promise
}

/** Tapes and block devices pad files with zeros, which gzip lets pass after its last member. */
async function withoutPadding(
  left: Buffer | undefined,
  bytes: AsyncIterator<Buffer, void>,
): Promise<Buffer | undefined> {
  for (let block = left; block !== undefined; block = await nextOf(bytes)) {
    const from = paddingOf(block)
    if (from < block.length) return block.subarray(from)
  }
  return undefined
}

/** How many zeros these bytes begin with. */
function paddingOf(bytes: Buffer): number {
  const from = bytes.findIndex((byte) => byte !== 0)
  return from < 0 ? bytes.length : from
}

async function nextOf(bytes: AsyncIterator<Buffer, void>): Promise<Buffer | undefined> {
  const { value, done } = await bytes.next()
  return done ? undefined : (value as Buffer)
}

/** What the decompressor says; a failure of what it reads from stays what it is. */
function unzipFailure(packing: Packing, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'Z_BUF_ERROR') return truncated(packing, error)
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge()
  if (!/^(?:Z|ZSTD)_/.test(code)) return error
  return new MixloadError('BODY_UNREADABLE', `Its ${packing} data is damaged: ${messageOf(error)}.`, { cause: error })
}

function truncated(packing: Packing, cause?: unknown): MixloadError {
  return new MixloadError('BODY_TRUNCATED', `Its ${packing} data breaks off: it is not whole.`, { cause })
}

/** Of an answer that is read as a whole. */
export function tooLarge(): MixloadError {
  const megabytes = UNZIPPED_BYTES_MAX / 2 ** 20
  return new MixloadError(
    'ANSWER_TOO_LARGE',
    `It has more than ${megabytes} MB: with a smaller --engage-page-size a page of profiles has less.`,
  )
}
