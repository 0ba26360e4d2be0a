import { type EngineConnection, isDataError } from '../engine/engine.ts'
import { NEWLINE } from '../scan/json-bytes.ts'
import { partsOf } from '../spool/chunk-parts.ts'
import { type Chunk, ChunkWriter, removeChunks, type SpoolDirectory } from '../spool/spool.ts'
import type { DayRows } from '../time/day-tally.ts'
import type { SpooledRows } from './spooled-rows.ts'

/** Whether the engine can read these files for a load. */
type Probe = (paths: readonly string[]) => Promise<boolean>

/**
 * Rejects lines that the engine cannot read although the scanner accepted them. Tries a chunk in
 * parts, and a failing part in halves, down to single lines. Returns undefined if the engine can
 * read all lines. `queryOf`: the load's query over files. @throws MixloadError ENGINE_FAILED if
 * the engine fails for another reason, such as lack of memory; SPOOL_FAILED.
 */
export async function salvage(
  spooled: SpooledRows,
  spool: SpoolDirectory,
  connection: EngineConnection,
  queryOf: (paths: readonly string[]) => string,
): Promise<SpooledRows | undefined> {
  const probe: Probe = async (paths) => {
    try {
      await connection.all(`SELECT max(hash(COLUMNS(*))) FROM (${queryOf(paths)})`)
      return true
    } catch (error) {
      if (isDataError(error)) return false
      throw error
    }
  }
  const good: Chunk[] = []
  const rejects = new ChunkWriter(spool, '.rejects.ndjson')
  let refused = 0
  let longestReject = spooled.summary.longestReject
  for (const chunk of spooled.lines) {
    if (await probe([chunk.path])) {
      good.push(chunk)
      continue
    }
    const kept = new ChunkWriter(spool, '.ndjson')
    for await (const part of partsOf(chunk)) {
      for (const line of await keepReadable(part, kept, spool, probe)) {
        const entry = Buffer.from(`${JSON.stringify({ reason: 'the engine could not read it', line })}\n`)
        longestReject = Math.max(longestReject, entry.length)
        rejects.append(entry, 0, entry.length)
        refused++
      }
      await kept.flush()
    }
    good.push(...(await kept.finish()))
    await removeChunks([chunk])
  }
  if (refused === 0) return undefined
  const { summary } = spooled
  return {
    ...spooled,
    dayRows: lessRows(spooled, refused),
    lines: good,
    rejects: [...spooled.rejects, ...(await rejects.finish())],
    summary: { ...summary, rows: summary.rows - refused, rejects: summary.rejects + refused, longestReject },
  }
}

/** The days of the refused lines are known only if there is a single day. */
function lessRows({ dayRows, summary }: SpooledRows, refused: number): DayRows | null {
  const [day, another] = Object.keys(dayRows ?? {})
  if (day === undefined || another !== undefined || dayRows?.[day] !== summary.rows) return null
  return { [day]: summary.rows - refused }
}

/** Appends the lines that the engine reads to `kept` and returns the others. */
async function keepReadable(lines: Buffer, kept: ChunkWriter, spool: SpoolDirectory, probe: Probe): Promise<string[]> {
  const trial = new ChunkWriter(spool, '.trial.ndjson')
  trial.append(lines, 0, lines.length)
  const chunks = await trial.finish()
  const isReadable = await probe(chunks.map(({ path }) => path))
  await removeChunks(chunks)
  if (isReadable) {
    kept.append(lines, 0, lines.length)
    return []
  }
  const middle = lines.indexOf(NEWLINE, Math.floor(lines.length / 2)) + 1
  const split = middle > 0 && middle < lines.length ? middle : lines.indexOf(NEWLINE) + 1
  if (split === lines.length) return [lines.toString('utf8', 0, lines.length - 1)]
  const before = await keepReadable(lines.subarray(0, split), kept, spool, probe)
  return [...before, ...(await keepReadable(lines.subarray(split), kept, spool, probe))]
}
