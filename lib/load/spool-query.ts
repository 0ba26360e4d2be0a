import type { Warehouse } from '../destination/warehouse.ts'
import { type Chunk, ChunkWriter, type SpoolDirectory } from '../spool/spool.ts'

/** Writes the rows of a query on the destination to the spool, one JSON object per line. */
export async function spoolQuery(
  destination: Warehouse,
  sql: string,
  spool: SpoolDirectory,
  suffix: string,
  signal: AbortSignal,
): Promise<readonly Chunk[]> {
  const lines = new ChunkWriter(spool, suffix)
  const take = async (rows: readonly string[]) => {
    const block = Buffer.from(rows.map((row) => `${row}\n`).join(''))
    lines.append(block, 0, block.length)
    await lines.flush()
  }
  try {
    await destination.query(sql, take, signal)
    return await lines.finish()
  } catch (error) {
    await lines.discard()
    throw error
  }
}
