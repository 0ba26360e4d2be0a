import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Bytes of a file, from `start` up to but not including `end`. */
export interface FileRange {
  readonly path: string
  readonly start: number
  /** A promise while the file is being written: until it resolves, the file is read as it grows. */
  readonly end: number | Promise<number>
}

/** A range of a file that is complete. */
export interface CompleteRange extends FileRange {
  readonly end: number
}

const CHUNK_BYTES = 1024 * 1024
/** How long to wait for a growing file when all of it has been read. */
const GROWTH_WAIT_MS = 5

/**
 * Reads ranges one after the other, in chunks. A chunk is valid until `inUse` more have been
 * requested: its memory is used again, because allocating more takes a quarter of the time.
 * @throws what the end of a growing file rejects with, as soon as it does.
 */
export async function* readRanges(ranges: readonly FileRange[], inUse: number): AsyncGenerator<Buffer> {
  const buffers: Buffer[] = []
  for (const { path, start, end } of ranges) {
    await using file = await openRange(path, end)
    for (let at = start, length = CHUNK_BYTES; length === CHUNK_BYTES; at += length) {
      const used = buffers.length > inUse ? buffers.shift() : undefined
      const chunk = used ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)
      buffers.push(chunk)
      length = await fill(chunk, file, at, end)
      if (length > 0) yield chunk.subarray(0, length)
    }
  }
}

/** An engine that fails removes its file. Its error counts then, not that the file is missing. */
async function openRange(path: string, end: FileRange['end']): Promise<FileHandle> {
  try {
    return await open(path)
  } catch {
    await end
    return open(path)
  }
}

/** Reads from `at` on until the chunk is full or the range ends, and returns how much that is. */
async function fill(chunk: Buffer, file: FileHandle, at: number, end: FileRange['end']): Promise<number> {
  for (let length = 0; ; ) {
    // Undefined while the end is unknown.
    const known = await Promise.race([end, undefined])
    const missing = Math.min(chunk.length, (known ?? Number.POSITIVE_INFINITY) - at) - length
    if (missing <= 0) return length
    const { bytesRead } = await file.read(chunk, length, missing, at + length)
    length += bytesRead
    if (bytesRead > 0) continue
    if (known !== undefined) throw new RangeError('A file of rows has become shorter while it was read.')
    await Promise.race([end, sleep(GROWTH_WAIT_MS)])
  }
}
