import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'

const NEWLINE = 0x0a

/** Bytes read from a file, and unpacked, at a time. */
const READ_BYTES = 256 * 1024

/** Characters of given lines that are put together into one block. */
const BATCH_CHARACTERS = 256 * 1024

/** A longer line is no event: Mixpanel takes 1 MB. The bound keeps a file without line ends out of memory. */
const LINE_BYTES_MAX = 64 * 1024 * 1024

/** Regroups chunks into blocks that each end in 0x0A; a missing last line end is added. Splits on nothing else. */
export async function* wholeLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = []
  let begunBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    if (begun.length > 0) {
      // Only the line that two chunks share is copied.
      start = chunk.indexOf(NEWLINE) + 1
      if (start > 0) {
        yield Buffer.concat([...begun, chunk.subarray(0, start)])
        begun = []
        begunBytes = 0
      }
    }
    const end = chunk.lastIndexOf(NEWLINE) + 1
    if (end > start) yield chunk.subarray(start, end)
    if (end < chunk.length) {
      begun.push(chunk.subarray(end))
      begunBytes += chunk.length - end
      if (begunBytes > LINE_BYTES_MAX) throw new RangeError(`a line is longer than ${LINE_BYTES_MAX} bytes`)
    }
  }
  if (begun.length > 0) yield Buffer.concat([...begun, Buffer.of(NEWLINE)])
}

/** The bytes of a file, unpacked when its name ends in `.gz`. */
export async function* fileBytes(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: READ_BYTES })
  if (!path.endsWith('.gz')) {
    yield* file
    return
  }
  const unpacked = createGunzip({ chunkSize: READ_BYTES })
  file.on('error', (error) => unpacked.destroy(error))
  try {
    yield* file.pipe(unpacked)
  } finally {
    file.destroy()
  }
}

/** The bytes of lines given one by one; an object is written as JSON. */
export async function* lineBytes(
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
