import { createGunzip, createInflate, createZstdDecompress, gunzip, inflate } from 'node:zlib'
import { MixloadError, messageOf } from '../core/errors.ts'
import { ZstdFrames } from './zstd-frames.ts'

export type Compression = keyof typeof DECOMPRESSORS

const GZIP = [0x1f, 0x8b]
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd]
/** A zstd file may begin with a skippable frame instead, whose first four bits vary. */
const ZSTD_SKIPPABLE = [0x2a, 0x4d, 0x18]

/** How many first bytes {@link compressionOf} looks at. */
export const MAGIC_BYTES = 4

/** Small buffers: little decompressed data waits, and little memory is left to be collected. */
const OUTPUT = { chunkSize: 64 * 1024, readableHighWaterMark: 256 * 1024 }

const DECOMPRESSORS = {
  gzip: () => createGunzip(OUTPUT),
  deflate: () => createInflate(OUTPUT),
  zstd: () => createZstdDecompress(OUTPUT),
}

type Decompressor = ReturnType<(typeof DECOMPRESSORS)[Compression]>

/** The compression of some bytes, found from the first ones. */
export function compressionOf(beginning: Buffer): Compression | 'none' {
  const begins = (magic: readonly number[], from = 0) => magic.every((byte, at) => beginning[from + at] === byte)
  if (begins(GZIP)) return 'gzip'
  const isSkippable = ((beginning[0] ?? 0) & 0xf0) === 0x50 && begins(ZSTD_SKIPPABLE, 1)
  return begins(ZSTD) || isSkippable ? 'zstd' : 'none'
}

/**
 * Decompresses all gzip members, or all zstd frames. Node silently drops everything after the first
 * frame, so each gets its own decompressor. @throws MixloadError BODY_TRUNCATED if the bytes end
 * too early; BODY_UNREADABLE if they are damaged.
 */
export async function* decompressed(
  bytes: AsyncIterator<Buffer, void>,
  compression: Compression,
): AsyncGenerator<Buffer, void> {
  yield* everyMember(compression === 'zstd' ? completeFrames(bytes) : bytes, compression)
}

/** The same bytes. @throws MixloadError BODY_TRUNCATED if they end within a zstd frame. */
async function* completeFrames(bytes: AsyncIterator<Buffer, void>): AsyncGenerator<Buffer, void, undefined> {
  const frames = new ZstdFrames()
  for (let block = await nextOf(bytes); block !== undefined; block = await nextOf(bytes)) {
    frames.push(block)
    yield block
  }
  if (!frames.isComplete) throw truncated('zstd')
}

async function* everyMember(
  bytes: AsyncIterator<Buffer, void>,
  compression: Compression,
): AsyncGenerator<Buffer, void, undefined> {
  let left = await nextOf(bytes)
  while (left !== undefined) {
    const decompressor = DECOMPRESSORS[compression]()
    const feeding = feed(decompressor, left, bytes)
    // It is awaited after the last block; until then its failure must not count as unhandled.
    feeding.catch((error) => decompressor.destroy(error))
    try {
      for await (const block of decompressor) yield block as Buffer
      left = await feeding
    } catch (error) {
      throw decompressFailure(compression, error)
    } finally {
      decompressor.destroy()
    }
    if (compression === 'gzip') left = await withoutPadding(left, bytes)
  }
}

/** The most bytes that {@link decompressWhole} returns: Node's strings hold no more. */
export const DECOMPRESSED_BYTES_MAX = 512 * 1024 * 1024

/** Bounds of the first buffer for a body that is decompressed whole, bytes. */
const FIRST_BUFFER_MIN = 64 * 1024
const FIRST_BUFFER_MAX = 8 * 1024 * 1024

/**
 * Decompresses bytes in memory into one buffer, faster than {@link decompressed}, and throws as
 * that does; also ANSWER_TOO_LARGE above {@link DECOMPRESSED_BYTES_MAX}.
 */
export async function decompressWhole(bytes: Buffer, compression: keyof typeof AT_ONCE): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let left = bytes; left.length > 0; ) {
    const { buffer, taken } = await decompressFirst(left, compression)
    parts.push(buffer)
    left = left.subarray(taken)
    if (compression === 'gzip') left = left.subarray(paddingOf(left))
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
}

const AT_ONCE = { gzip: gunzip, deflate: inflate }

/** Decompresses the first member of some bytes. Returns how many bytes it took as well. */
function decompressFirst(bytes: Buffer, compression: keyof typeof AT_ONCE): Promise<{ buffer: Buffer; taken: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ buffer: Buffer; taken: number }>()
  const options = {
    chunkSize: firstBufferSize(bytes, compression),
    maxOutputLength: DECOMPRESSED_BYTES_MAX,
    info: true,
  }
  AT_ONCE[compression](bytes, options, (error, result) => {
    if (error !== null) return reject(decompressFailure(compression, error))
    // With `info` the result is an object; Node's types say that it is a buffer.
    const { buffer, engine } = result as unknown as { buffer: Buffer; engine: Decompressor }
    resolve({ buffer, taken: engine.bytesWritten })
  })
  return promise
}

/** Guesses the size of the result, to avoid copies. Gzip ends with that size. */
function firstBufferSize(bytes: Buffer, compression: keyof typeof AT_ONCE): number {
  if (compression !== 'gzip' || bytes.length < 4) return FIRST_BUFFER_MIN
  return Math.min(Math.max(bytes.readUInt32LE(bytes.length - 4) + 1, FIRST_BUFFER_MIN), FIRST_BUFFER_MAX)
}

/** Writes bytes to a decompressor until it ends. Returns the rest; undefined if there is none. */
async function feed(
  decompressor: Decompressor,
  first: Buffer,
  bytes: AsyncIterator<Buffer, void>,
): Promise<Buffer | undefined> {
  for (let block: Buffer | undefined = first; block !== undefined; block = await nextOf(bytes)) {
    const before = decompressor.bytesWritten
    await written(decompressor, block)
    const taken = decompressor.bytesWritten - before
    if (taken < block.length) return block.subarray(taken)
  }
  decompressor.end()
  return undefined
}

function written(decompressor: Decompressor, block: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  decompressor.write(block, (error) => (error ? reject(error) : resolve()))
  return promise
}

/** Skips zeros after the last gzip member. Tapes and block devices pad files with them. */
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

/** How many zeros some bytes begin with. */
function paddingOf(bytes: Buffer): number {
  const from = bytes.findIndex((byte) => byte !== 0)
  return from < 0 ? bytes.length : from
}

async function nextOf(bytes: AsyncIterator<Buffer, void>): Promise<Buffer | undefined> {
  const { value, done } = await bytes.next()
  return done ? undefined : (value as Buffer)
}

/** The MixloadError for an error of a decompressor; any other error as it is. */
function decompressFailure(compression: Compression, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'Z_BUF_ERROR') return truncated(compression, error)
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge()
  if (!/^(?:Z|ZSTD)_/.test(code)) return error
  return new MixloadError('BODY_UNREADABLE', `Its ${compression} data is damaged: ${messageOf(error)}.`, {
    cause: error,
  })
}

function truncated(compression: Compression, cause?: unknown): MixloadError {
  return new MixloadError('BODY_TRUNCATED', `Its ${compression} data ends too early.`, { cause })
}

/** The error for a response that does not fit in memory. */
export function tooLarge(): MixloadError {
  const megabytes = DECOMPRESSED_BYTES_MAX / 2 ** 20
  return new MixloadError(
    'ANSWER_TOO_LARGE',
    `It is larger than ${megabytes} MB. Set a smaller --engage-page-size, so that a page of profiles is smaller.`,
  )
}
