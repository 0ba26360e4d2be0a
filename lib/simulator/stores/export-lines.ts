import { type FileHandle, open } from 'node:fs/promises'
import { LineScanner } from '../../scan/line-scanner.ts'
import { isMoment, type ProjectClock } from './clock.ts'
import type { StoredBlock } from './day-file.ts'
import { eventName, leadingName, timeNumber } from './event-line.ts'
import { linesIn } from './line-blocks.ts'
import { type Random, shuffle } from './random-order.ts'
import { isTrue, type Where } from './where.ts'
import type { WhereEvent } from './where-value.ts'

const NEWLINE = 0x0a

/** The most bytes of a `time` that is written. */
const TIME_BYTES_MAX = 24

/** Blocks differ in length by about one line. A larger buffer fits most further blocks. */
const GROWTH_BYTES = 64 * 1024

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
  const writer = new BlockWriter(selection, clock)
  await using reader = new BlockReader()
  let left = selection.limit ?? Number.POSITIVE_INFINITY
  for (const block of order) {
    if (left === 0) return
    const bytes = await reader.read(block)
    const starts = writer.select(bytes, left)
    left -= starts.length
    if (starts.length > 0) yield writer.write(bytes, shuffle(starts, random))
  }
}

/** Reads blocks into one buffer, which each block overwrites, and keeps the last file open. */
class BlockReader implements AsyncDisposable {
  #bytes = Buffer.alloc(0)
  #path = ''
  #file: FileHandle | undefined

  async read({ path, start, end }: StoredBlock): Promise<Buffer> {
    if (this.#file === undefined || this.#path !== path) {
      await this[Symbol.asyncDispose]()
      this.#file = await open(path)
      this.#path = path
    }
    if (this.#bytes.length < end - start) this.#bytes = Buffer.allocUnsafeSlow(end - start + GROWTH_BYTES)
    const bytes = this.#bytes.subarray(0, end - start)
    let done = 0
    while (done < bytes.length) {
      const { bytesRead } = await this.#file.read(bytes, done, bytes.length - done, start + done)
      if (bytesRead === 0) throw new Error(`${path} has become shorter`)
      done += bytesRead
    }
    return bytes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}

class BlockWriter {
  readonly #scanner = new LineScanner()
  readonly #selection: Selection
  readonly #clock: ProjectClock
  readonly #isFiltered: boolean
  readonly #keepsTime: boolean

  constructor(selection: Selection, clock: ProjectClock) {
    this.#selection = selection
    this.#clock = clock
    this.#isFiltered = selection.events !== undefined || selection.where !== undefined
    this.#keepsTime = selection.timeInMs && !clock.legacyTime
  }

  /** Returns the starts of the selected lines, up to the limit. */
  select(bytes: Buffer, limit: number): number[] {
    const starts: number[] = []
    for (const [start, end] of linesIn(bytes)) {
      if (starts.length >= limit) break
      if (!this.#isFiltered || this.#isSelected(bytes, start, end)) starts.push(start)
    }
    return starts
  }

  /** Returns the lines that start at these positions, in this order. */
  write(bytes: Buffer, starts: readonly number[]): Buffer {
    const output = Buffer.allocUnsafe(bytes.length + (this.#keepsTime ? 0 : starts.length * TIME_BYTES_MAX))
    let used = 0
    for (const start of starts) {
      const end = bytes.indexOf(NEWLINE, start)
      used = this.#keepsTime
        ? used + bytes.copy(output, used, start, end + 1)
        : this.#writeTimed(bytes, start, end, output, used)
    }
    return output.subarray(0, used)
  }

  #isSelected(bytes: Buffer, start: number, end: number): boolean {
    const { events, where } = this.#selection
    if (events !== undefined && !events.has(this.#name(bytes, start, end))) return false
    if (where === undefined) return true
    return isTrue(where, this.#event(JSON.parse(bytes.toString('utf8', start, end))))
  }

  #name(bytes: Buffer, start: number, end: number): string {
    const leading = leadingName(bytes, start)
    if (leading !== undefined) return leading
    this.#scanner.scan(bytes, start, end)
    return eventName(this.#scanner, bytes)
  }

  /** Returns a stored event as `where` expressions see it. */
  #event(line: { event: string; properties: Record<string, unknown> }): WhereEvent {
    const { time } = line.properties
    const isValid = typeof time === 'number' && isMoment(time)
    return { ...line, seconds: isValid ? this.#clock.exported(time) / 1000 : undefined }
  }

  #writeTimed(bytes: Buffer, start: number, end: number, output: Buffer, at: number): number {
    this.#scanner.scan(bytes, start, end)
    const utcMs = timeNumber(this.#scanner, bytes)
    if (!isMoment(utcMs)) return at + bytes.copy(output, at, start, end + 1)
    const token = this.#scanner.timeToken
    const ms = this.#clock.exported(utcMs)
    const text = String(this.#selection.timeInMs ? ms : Math.floor(ms / 1000))
    let used = at + bytes.copy(output, at, start, this.#scanner.valueStart[token])
    used += output.write(text, used, 'latin1')
    return used + bytes.copy(output, used, this.#scanner.valueEnd[token], end + 1)
  }
}
