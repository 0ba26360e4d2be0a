import { promisify } from 'node:util'
import { constants, crc32, deflateRaw } from 'node:zlib'
import { type FilePart, piecesOf } from './pieces.ts'

/** Pieces that are packed at once, by the threads that Node has for such work. */
const AT_ONCE = 4
/**
 * Level 1: 416 MB of rows become 71 MB, and with level 6 56 MB, in seven times as long. Each piece ends on a whole byte
 * and says that more may come. A packed piece fits into one chunk: with Node's 16 kB a fifth of the time is lost between
 * them.
 */
const DEFLATE = { level: 1, finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 256 * 1024 }
/** RFC 1952: deflate, no name, no time, the quickest method, an unknown system. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255])
/** RFC 1951: a last block, with nothing in it. */
const LAST_BLOCK = Buffer.from([0x03, 0x00])

const pack = promisify<Buffer, typeof DEFLATE, Buffer>(deflateRaw)

/**
 * Parts of files one after the other as one gzip file, packed while it is read. Packing its pieces side by side takes
 * 1.1 s for those 416 MB on two cores; one stream takes 1.5 to 3 s, and the engine's own gzip 21 s.
 */
export function gzippedParts(parts: readonly FilePart[]): AsyncIterable<Buffer> {
  return packed(piecesOf(parts, AT_ONCE))
}

/** Lines as one gzip file. */
export function gzippedLines(lines: readonly string[]): AsyncIterable<Buffer> {
  return packed(lines.map((line) => Buffer.from(`${line}\n`)))
}

/** A piece must be good until {@link AT_ONCE} more have been asked for. */
async function* packed(input: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield HEADER
  let checksum = 0
  let bytes = 0
  const underWay: Promise<Buffer>[] = []
  for await (const piece of input) {
    checksum = crc32(piece, checksum)
    bytes += piece.length
    const packing = pack(piece, DEFLATE)
    // It is awaited in its turn, which may be after the one before it has failed.
    packing.catch(() => {})
    underWay.push(packing)
    const [first] = underWay
    if (underWay.length < AT_ONCE || first === undefined) continue
    underWay.shift()
    yield await first
  }
  for (const packing of underWay) yield await packing
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(checksum, 0)
  trailer.writeUInt32LE(bytes % 2 ** 32, 4)
  yield Buffer.concat([LAST_BLOCK, trailer])
}
