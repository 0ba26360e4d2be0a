import { open } from 'node:fs/promises'
import type { Chunk } from './spool.ts'

const NEWLINE = 0x0a
const NEWLINE_BYTES = Buffer.from([NEWLINE])
const PART_BYTES = 4 * 1024 * 1024

/** A chunk in parts of about 4 MB of whole lines. Use each part before asking for the next one. */
export async function* partsOf({ path }: Chunk): AsyncGenerator<Buffer, void, undefined> {
  await using file = await open(path)
  let bytes = Buffer.allocUnsafe(PART_BYTES)
  let held = 0
  for (;;) {
    if (held === bytes.length) bytes = Buffer.concat([bytes], bytes.length * 2)
    const { bytesRead } = await file.read(bytes, held)
    if (bytesRead === 0) break
    held += bytesRead
    const end = bytes.subarray(0, held).lastIndexOf(NEWLINE) + 1
    if (end === 0) continue
    yield bytes.subarray(0, end)
    bytes.copyWithin(0, end, held)
    held -= end
  }
  if (held > 0) yield Buffer.concat([bytes.subarray(0, held), NEWLINE_BYTES])
}
