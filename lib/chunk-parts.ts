import { createReadStream } from 'node:fs'
import type { Chunk } from './spool.ts'

const NEWLINE = 0x0a
const PART_BYTES = 4 * 1024 * 1024

/** A chunk's bytes in parts of about 4 MB that end where lines do. */
export async function* partsOf({ path }: Chunk): AsyncGenerator<Buffer, void, undefined> {
  let pending: Buffer = Buffer.alloc(0)
  for await (const block of createReadStream(path, { highWaterMark: PART_BYTES })) {
    pending = Buffer.concat([pending, block as Buffer])
    const end = pending.lastIndexOf(NEWLINE) + 1
    if (end === 0) continue
    yield pending.subarray(0, end)
    pending = pending.subarray(end)
  }
  if (pending.length > 0) yield Buffer.concat([pending, Buffer.from([NEWLINE])])
}
