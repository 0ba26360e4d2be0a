import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'

const NEWLINE = 0x0a

/** How many bytes of a file are read and decompressed at a time. */
const READ_BYTES = 256 * 1024

/** How many characters of single lines are combined into one block. */
const BATCH_CHARACTERS = 256 * 1024

/** The longest line. It keeps a file without line ends out of memory. */
const LINE_BYTES_MAX = 64 * 1024 * 1024

/** Regroups chunks into blocks of complete lines, each of which ends in 0x0A. */
export async function* toLineBlocks(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let incomplete: Buffer[] = []
  let incompleteBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    if (incomplete.length > 0) {
      // Only a line that spans several chunks is copied.
      start = chunk.indexOf(NEWLINE) + 1
      if (start > 0) {
        yield Buffer.concat([...incomplete, chunk.subarray(0, start)])
        incomplete = []
        incompleteBytes = 0
      }
    }
    const end = chunk.lastIndexOf(NEWLINE) + 1
    if (end > start) yield chunk.subarray(start, end)
    if (end < chunk.length) {
      incomplete.push(chunk.subarray(end))
      incompleteBytes += chunk.length - end
      if (incompleteBytes > LINE_BYTES_MAX) throw new RangeError(`a line is longer than ${LINE_BYTES_MAX} bytes`)
    }
  }
  if (incomplete.length > 0) yield Buffer.concat([...incomplete, Buffer.of(NEWLINE)])
}

/** Returns the lines of a block, each with its 0x0A. They are parts of the block, not copies. */
export function linesIn(block: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < block.length; ) {
    const end = block.indexOf(NEWLINE, start) + 1
    lines.push(block.subarray(start, end))
    start = end
  }
  return lines
}

/** Reads a file, decompressed if its name ends in `.gz`. */
export async function* readFileBytes(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: READ_BYTES })
  yield* path.endsWith('.gz') ? pipeline(file, createGunzip({ chunkSize: READ_BYTES }), () => {}) : file
}

/** Returns the bytes of lines; an object becomes its JSON. */
export async function* toLineBytes(
  lines: Iterable<string | object> | AsyncIterable<string | object>,
): AsyncGenerator<Buffer> {
  let batch = ''
  for await (const line of lines) {
    const text = typeof line === 'string' ? line : JSON.stringify(line)
    batch += text.endsWith('\n') ? text : `${text}\n`
    if (batch.length < BATCH_CHARACTERS) continue
    yield Buffer.from(batch)
    batch = ''
  }
  if (batch !== '') yield Buffer.from(batch)
}
