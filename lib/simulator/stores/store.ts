import { isUtf8 } from 'node:buffer'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MixloadError } from '../../core/errors.ts'
import { LINE, LineScanner } from '../../scan/line-scanner.ts'
import { dayNumber, dayText, type ProjectClock } from './clock.ts'
import { DayFile, type StoredBlock } from './day-file.ts'
import { editedLine, eventName, sentMoment, timeNumber } from './event-line.ts'
import type { StampedEvent } from './event-stamp.ts'
import { fileBytes, wholeLines } from './whole-lines.ts'

const NEWLINE = 0x0a

/** Memory for lines that wait to be written. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024

/** Files written at once. */
const WRITERS = 8

const FILE_NAME = /^(\d{4}-\d{2}-\d{2})\.ndjson$/

/** What became of lines that were given. */
export interface Ingested {
  readonly stored: number
  /** Lines that are no JSON object with `event` and `properties`, or no UTF-8. */
  readonly refused: number
}

/**
 * Events on disk, one file an export day. A line keeps its bytes, but for a `time` in seconds, which becomes
 * milliseconds; a line without a usable `time` stays as it is and counts as today's.
 */
export class EventStore {
  readonly #directory: string
  readonly #clock: ProjectClock
  readonly #scanner = new LineScanner()
  readonly #days = new Map<number, DayFile>()
  readonly #dirty = new Set<DayFile>()
  readonly #names = new Map<string, number>()
  #waitingBytes = 0
  #writing: Promise<void> = Promise.resolve()
  #count = 0
  #refused = 0

  private constructor(directory: string, clock: ProjectClock) {
    this.#directory = directory
    this.#clock = clock
  }

  /** Opens a directory. Day files that an earlier simulator left in it are taken over. */
  static async open(directory: string, clock: ProjectClock): Promise<EventStore> {
    await mkdir(directory, { recursive: true })
    const store = new EventStore(directory, clock)
    for (const file of (await readdir(directory)).sort()) {
      const day = dayNumber(FILE_NAME.exec(file)?.[1] ?? '')
      if (day !== undefined) await store.#adopt(day)
    }
    return store
  }

  /** Events stored. */
  get count(): number {
    return this.#count
  }

  /** Lines refused so far. */
  get refused(): number {
    return this.#refused
  }

  /** Event names and how many events have each. */
  get names(): ReadonlyMap<string, number> {
    return this.#names
  }

  /** Stores lines, given as blocks that each end in 0x0A; they can be read once this is done. */
  async add(blocks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<Ingested> {
    let stored = 0
    let refused = 0
    let writing: Promise<void> = Promise.resolve()
    for await (const block of blocks) {
      const ofBlock = this.#addBlock(block)
      stored += ofBlock.stored
      refused += ofBlock.refused
      if (this.#waitingBytes > WAITING_BYTES_MAX) {
        // Lines are looked at while the ones before are written; no more than that runs ahead of the disk.
        await writing
        writing = this.#write()
        // A failure is thrown at the next `await`, which may be too late for Node.
        writing.catch(() => {})
      }
    }
    await writing
    await this.#write()
    return { stored, refused }
  }

  /** Stores events that were looked at when they were stamped; they can be read once this is done. */
  async addStamped(events: readonly StampedEvent[]): Promise<Ingested> {
    let refused = 0
    for (const { line, name, utcMs } of events) {
      if (!isUtf8(line)) {
        refused++
        continue
      }
      this.#countName(name)
      this.#keep(this.#clock.dayOf(utcMs), line, 0, line.length)
    }
    const stored = events.length - refused
    this.#count += stored
    this.#refused += refused
    await this.#write()
    return { stored, refused }
  }

  /** What is stored of a range of days, both inclusive, oldest day first, then in the order of arrival. */
  blocks(firstDay: number, lastDay: number): StoredBlock[] {
    const days = [...this.#days.keys()].filter((day) => day >= firstDay && day <= lastDay).sort((a, b) => a - b)
    return days.flatMap((day) => this.#days.get(day)?.blocks() ?? [])
  }

  #addBlock(block: Buffer): Ingested {
    const isText = isUtf8(block)
    let stored = 0
    let refused = 0
    for (let start = 0; start < block.length; ) {
      const end = block.indexOf(NEWLINE, start)
      // The scanner trusts its bytes to be UTF-8; one bad line must not cost the others of its block.
      const verdict = isText || isUtf8(block.subarray(start, end)) ? this.#scanner.scan(block, start, end) : undefined
      if (verdict === LINE.plain || verdict === LINE.odd) {
        this.#addLine(block, start, end + 1)
        stored++
      } else if (verdict !== LINE.blank) refused++
      start = end + 1
    }
    this.#count += stored
    this.#refused += refused
    return { stored, refused }
  }

  #addLine(block: Buffer, start: number, end: number): void {
    const scanner = this.#scanner
    this.#countName(eventName(scanner, block))
    const time = timeNumber(scanner, block)
    const utcMs = sentMoment(time)
    const day = Number.isNaN(utcMs) ? this.#clock.today() : this.#clock.dayOf(utcMs)
    if (Number.isNaN(utcMs) || utcMs === time) this.#keep(day, block, start, end)
    else {
      const token = scanner.timeToken
      const from = scanner.valueStart[token] as number
      const to = scanner.valueEnd[token] as number
      const line = editedLine(block, start, end, [{ start: from, end: to, text: String(utcMs) }])
      this.#keep(day, line, 0, line.length)
    }
  }

  /** Has `bytes[start, end)`, a line with its end, written to the file of a day. */
  #keep(day: number, bytes: Buffer, start: number, end: number): void {
    const file = this.#dayFile(day)
    this.#waitingBytes += file.append(bytes, start, end)
    this.#dirty.add(file)
  }

  #countName(name: string): void {
    this.#names.set(name, (this.#names.get(name) ?? 0) + 1)
  }

  #dayFile(day: number): DayFile {
    let file = this.#days.get(day)
    if (file === undefined) {
      file = new DayFile(join(this.#directory, `${dayText(day)}.ndjson`))
      this.#days.set(day, file)
    }
    return file
  }

  /** Writes what waits, after any write under way. */
  async #write(): Promise<void> {
    const before = this.#writing
    const writing = before.then(async () => {
      const files = [...this.#dirty]
      this.#dirty.clear()
      this.#waitingBytes = 0
      const writer = async () => {
        for (let file = files.pop(); file !== undefined; file = files.pop()) await file.write()
      }
      await Promise.all(Array.from({ length: WRITERS }, writer))
    })
    // A failed write is thrown to the one who asked for it; the next one starts anew.
    this.#writing = writing.catch(() => {})
    await writing
  }

  async #adopt(day: number): Promise<void> {
    const file = this.#dayFile(day)
    for await (const block of wholeLines(fileBytes(file.path))) {
      for (let start = 0; start < block.length; ) {
        const end = block.indexOf(NEWLINE, start)
        const verdict = this.#scanner.scan(block, start, end)
        if (verdict !== LINE.plain && verdict !== LINE.odd) {
          throw new MixloadError('CONFIG_INVALID', `${file.path} was not written by the simulator`)
        }
        const time = timeNumber(this.#scanner, block)
        if (sentMoment(time) === time && this.#clock.dayOf(time) !== day) {
          throw new MixloadError('CONFIG_INVALID', `${file.path} was written for another time zone or kind of project`)
        }
        this.#countName(eventName(this.#scanner, block))
        this.#count++
        file.grow(end + 1 - start)
        start = end + 1
      }
    }
    file.adopt()
  }
}
