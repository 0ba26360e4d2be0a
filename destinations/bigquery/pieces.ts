import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Bytes of a file, from `start` up to but without `end`. */
export interface FilePart {
  readonly path: string
  readonly start: number
  /** A promise while the file is still being written: until it says where the end is, the file is read as it grows. */
  readonly end: number | Promise<number>
}

/** A part that is all there. */
export interface WholePart extends FilePart {
  readonly end: number
}

const PIECE_BYTES = 1024 * 1024
/** How long a file that grows is left alone once all of it has been read. */
const LOOK_AGAIN_MS = 5

/**
 * The bytes of these parts, one after the other. A piece is good until `inUse` more have been asked for: memory is used
 * again, since getting it anew takes a quarter of the time.
 * @throws what the end of a growing file is rejected with, as soon as it is.
 */
export async function* piecesOf(parts: readonly FilePart[], inUse: number): AsyncGenerator<Buffer> {
  const buffers: Buffer[] = []
  for (const { path, start, end } of parts) {
    await using file = await opened(path, end)
    for (let at = start, length = PIECE_BYTES; length === PIECE_BYTES; at += length) {
      const used = buffers.length > inUse ? buffers.shift() : undefined
      const piece = used ?? Buffer.allocUnsafeSlow(PIECE_BYTES)
      buffers.push(piece)
      length = await fill(piece, file, at, end)
      if (length > 0) yield piece.subarray(0, length)
    }
  }
}

/** An engine that fails removes its file: then what it failed of counts, and not that the file is gone. */
async function opened(path: string, end: FilePart['end']): Promise<FileHandle> {
  try {
    return await open(path)
  } catch {
    await end
    return open(path)
  }
}

/** Reads what is from `at` on, until the piece is full or the file has come to its end; gives how much that is. */
async function fill(piece: Buffer, file: FileHandle, at: number, end: FilePart['end']): Promise<number> {
  for (let length = 0; ; ) {
    // Undefined while it is not known.
    const known = await Promise.race([end, undefined])
    const missing = Math.min(piece.length, (known ?? Number.POSITIVE_INFINITY) - at) - length
    if (missing <= 0) return length
    const { bytesRead } = await file.read(piece, length, missing, at + length)
    length += bytesRead
    if (bytesRead > 0) continue
    if (known !== undefined) throw new RangeError('A file with rows on their way has become shorter.')
    await Promise.race([end, sleep(LOOK_AGAIN_MS)])
  }
}
