import { type FileHandle, open } from 'node:fs/promises'
import { LineScanner } from '../../scan/line-scanner.ts'
import { isMoment, type ProjectClock } from './clock.ts'
import type { StoredBlock } from './day-file.ts'
import { eventName, leadingName, timeNumber } from './event-line.ts'
import { type Random, shuffle } from './shuffle.ts'
import type { Where } from './where.ts'
import { holds, type WhereEvent } from './where-value.ts'

const NEWLINE = 0x0a

/** No `time` that this module writes is longer. */
const TIME_BYTES_MAX = 24

/** Blocks differ in length by about a line; this much more saves most of the growing. */
const GROWTH_BYTES = 64 * 1024

/** What an export keeps of the stored lines and how it writes them. */
export interface Selection {
  /** All events when left out. */
  readonly events?: ReadonlySet<string> | undefined
  readonly where?: Where | undefined
  /** The first so many in storage order. */
  readonly limit?: number | undefined
  /** Whether `time` is written in milliseconds, else in whole seconds. */
  readonly timeInMs: boolean
}

/**
 * The lines of stored blocks. Mixpanel promises no order, so blocks come in random order and lines in random order
 * within each; one block is in memory at a time. Lines that need no other `time` and no filter are not looked into.
 */
export async function* exportLines(
  blocks: readonly StoredBlock[],
  selection: Selection,
  clock: ProjectClock,
  random: Random,
): AsyncGenerator<Buffer> {
  // With a limit the first lines of the store are wanted, so the blocks keep their order.
  const order = selection.limit === undefined ? shuffle([...blocks], random) : blocks
  const writer = new BlockWriter(selection, clock)
  await using files = new OpenFile()
  let left = selection.limit ?? Number.POSITIVE_INFINITY
  for (const block of order) {
    if (left === 0) return
    const bytes = await files.read(block)
    const starts = writer.chosen(bytes, left)
    left -= starts.length
    if (starts.length > 0) yield writer.written(bytes, shuffle(starts, random))
  }
}

/** Reads blocks into one buffer, each over the one before, and keeps the last file open. */
class OpenFile implements AsyncDisposable {
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
      if (bytesRead === 0) throw new Error(`${path} is shorter than it was`)
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

  /** Where the first so many lines that the selection keeps start. */
  chosen(bytes: Buffer, limit: number): number[] {
    const starts: number[] = []
    for (let start = 0; start < bytes.length && starts.length < limit; ) {
      const end = bytes.indexOf(NEWLINE, start)
      if (!this.#isFiltered || this.#isWanted(bytes, start, end)) starts.push(start)
      start = end + 1
    }
    return starts
  }

  /** The lines at these starts, in this order. */
  written(bytes: Buffer, starts: readonly number[]): Buffer {
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

  #isWanted(bytes: Buffer, start: number, end: number): boolean {
    const { events, where } = this.#selection
    if (events !== undefined && !events.has(this.#name(bytes, start, end))) return false
    if (where === undefined) return true
    return holds(where, this.#event(JSON.parse(bytes.toString('utf8', start, end))))
  }

  #name(bytes: Buffer, start: number, end: number): string {
    const leading = leadingName(bytes, start)
    if (leading !== undefined) return leading
    this.#scanner.scan(bytes, start, end)
    return eventName(this.#scanner, bytes)
  }

  /** What the store took in is an object with `event` and `properties`. */
  #event(line: { event: string; properties: Record<string, unknown> }): WhereEvent {
    const { time } = line.properties
    const isUsable = typeof time === 'number' && isMoment(time)
    return { ...line, seconds: isUsable ? this.#clock.exported(time) / 1000 : undefined }
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
