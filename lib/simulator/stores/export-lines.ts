import { open } from 'node:fs/promises'
import { LineScanner } from '../../scan/line-scanner.ts'
import { isEventTime, type ProjectClock } from './clock.ts'
import type { StoredBlock } from './day-file.ts'
import { editLine, eventName, scanEvent, timeNumber, valueEdit } from './event-line.ts'
import { linesIn } from './line-blocks.ts'
import { type Random, shuffle } from './random-order.ts'
import type { WhereEvent } from './where-operators.ts'
import { isTrue, type Where } from './where-parser.ts'

/** Which lines an export contains, and how it writes them. */
export interface Selection {
  /** Default: all events. */
  readonly events?: ReadonlySet<string> | undefined
  readonly where?: Where | undefined
  /** Only this many lines, the first in storage order. */
  readonly limit?: number | undefined
  /** Whether `time` is in milliseconds instead of whole seconds. */
  readonly timeInMs: boolean
}

/**
 * Yields the lines of stored blocks. Mixpanel does not guarantee an order, so blocks are in random
 * order, and the lines within each block, too. One block is in memory at a time. Lines are parsed
 * only if `time` changes or a filter needs it.
 */
export async function* exportLines(
  blocks: readonly StoredBlock[],
  selection: Selection,
  clock: ProjectClock,
  random: Random,
): AsyncGenerator<Buffer> {
  // With a limit, the export has the first lines of the store, so the blocks keep their order.
  const order = selection.limit === undefined ? shuffle([...blocks], random) : blocks
  const exporter = new LineExporter(selection, clock)
  let left = selection.limit ?? Number.POSITIVE_INFINITY
  for (const block of order) {
    if (left === 0) return
    const lines: Buffer[] = []
    for (const line of linesIn(await readBlock(block))) {
      if (lines.length < left && exporter.isSelected(line)) lines.push(line)
    }
    left -= lines.length
    if (lines.length > 0) yield Buffer.concat(shuffle(lines, random).map((line) => exporter.exported(line)))
  }
}

async function readBlock({ path, start, end }: StoredBlock): Promise<Buffer> {
  await using file = await open(path)
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(end - start), { position: start })
  if (bytesRead < end - start) throw new Error(`${path} has become shorter`)
  return buffer
}

class LineExporter {
  readonly #scanner = new LineScanner()
  readonly #selection: Selection
  readonly #clock: ProjectClock

  constructor(selection: Selection, clock: ProjectClock) {
    this.#selection = selection
    this.#clock = clock
  }

  isSelected(line: Buffer): boolean {
    const { events, where } = this.#selection
    if (events !== undefined && !events.has(this.#name(line))) return false
    return where === undefined || isTrue(where, this.#event(JSON.parse(line.toString())))
  }

  #name(line: Buffer): string {
    scanEvent(this.#scanner, line)
    return eventName(this.#scanner, line)
  }

  /** Returns a stored event as `where` expressions see it. */
  #event(line: { event: string; properties: Record<string, unknown> }): WhereEvent {
    const { time } = line.properties
    const isValid = typeof time === 'number' && isEventTime(time)
    return { ...line, seconds: isValid ? this.#clock.exported(time) / 1000 : undefined }
  }

  /** Returns a stored line with its `time` as the export writes it. */
  exported(line: Buffer): Buffer {
    const { timeInMs } = this.#selection
    if (timeInMs && !this.#clock.legacyTime) return line
    scanEvent(this.#scanner, line)
    const utcMs = timeNumber(this.#scanner, line)
    if (!isEventTime(utcMs)) return line
    const ms = this.#clock.exported(utcMs)
    const text = String(timeInMs ? ms : Math.floor(ms / 1000))
    return editLine(line, [valueEdit(this.#scanner, this.#scanner.timeToken, text)])
  }
}
