import { NEWLINE, OPEN_OBJECT } from '../scan/json-bytes.ts'
import { partsOf } from '../spool/chunk-parts.ts'
import { type Chunk, ChunkWriter, type SpoolDirectory } from '../spool/spool.ts'

/** The member that holds a line's number, as text. */
export const ROW_FIELD = '__row'

/** Writes numbered lines to new files, because the engine reads files in any order. */
export async function numberLines(chunks: readonly Chunk[], spool: SpoolDirectory): Promise<readonly Chunk[]> {
  const writer = new ChunkWriter(spool, '.numbered.ndjson')
  let row = 0
  for (const chunk of chunks) {
    for await (const part of partsOf(chunk)) {
      for (let start = 0; start < part.length; ) {
        const end = part.indexOf(NEWLINE, start) + 1
        const rest = part.indexOf(OPEN_OBJECT, start) + 1
        const number = Buffer.from(`{"${ROW_FIELD}":"${row++}",`)
        writer.append(number, 0, number.length)
        writer.append(part, rest, end)
        start = end
      }
      await writer.flush()
    }
  }
  return writer.finish()
}
