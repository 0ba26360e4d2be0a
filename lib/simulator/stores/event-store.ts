import { isUtf8 } from 'node:buffer'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MixloadError } from '../../core/errors.ts'
import { LineScanner } from '../../scan/line-scanner.ts'
import { dayOfNumber } from '../../time/event-time.ts'
import { dayNumberIn, type ProjectClock } from './clock.ts'
import { DayFile, type StoredBlock } from './day-file.ts'
import type { EnrichedEvent } from './event-enricher.ts'
import { editLine, eventName, scanEvent, timeNumber, toUtcMs, valueEdit } from './event-line.ts'
import { linesIn, readFileBytes, toLineBlocks } from './line-blocks.ts'

/** The most memory for lines that are not written yet. */
const BUFFERED_BYTES_MAX = 4 * 1024 * 1024

const FILE_NAME = /^(\d{4}-\d{2}-\d{2})\.ndjson$/

export interface IngestCounts {
  stored: number
  /** Lines that are not a JSON object with `event` and `properties`, or not UTF-8. */
  rejected: number
}

/**
 * Stores events on disk, one file per day of the export. Lines are stored unchanged, except that a
 * `time` in seconds becomes milliseconds. A line without a valid `time` is stored as an event of
 * today.
 */
export class EventStore {
  /** The number of stored events, and of rejected lines. */
  count = 0
  rejected = 0
  /** The number of events by name. */
  readonly names = new Map<string, number>()
  readonly #directory: string
  readonly #clock: ProjectClock
  readonly #scanner = new LineScanner()
  readonly #days = new Map<number, DayFile>()
  #bufferedBytes = 0
  #writing: Promise<void> = Promise.resolve()

  private constructor(directory: string, clock: ProjectClock) {
    this.#directory = directory
    this.#clock = clock
  }

  /** Opens a directory. Files that an earlier simulator left in it are used. */
  static async open(directory: string, clock: ProjectClock): Promise<EventStore> {
    await mkdir(directory, { recursive: true })
    const store = new EventStore(directory, clock)
    for (const file of (await readdir(directory)).sort()) {
      const day = dayNumberIn(FILE_NAME.exec(file)?.[1] ?? '')
      if (day !== undefined) await store.#loadDay(day)
    }
    return store
  }

  /** Stores blocks of lines, each of which ends in 0x0A. Resolves when they can be read. */
  async add(blocks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<IngestCounts> {
    const counts = { stored: 0, rejected: 0 }
    let writing: Promise<void> = Promise.resolve()
    for await (const block of blocks) {
      this.#addBlock(block, counts)
      if (this.#bufferedBytes > BUFFERED_BYTES_MAX) {
        // Lines are scanned while earlier lines are written, but not further ahead of the disk.
        await writing
        writing = this.#write()
        // The next `await` throws an error. Until then it must not count as unhandled.
        writing.catch(() => {})
      }
    }
    await writing
    await this.#write()
    return counts
  }

  /** Stores enriched events. Resolves when they can be read. */
  async addEnriched(events: readonly EnrichedEvent[]): Promise<IngestCounts> {
    const counts = { stored: 0, rejected: 0 }
    for (const { line, name, utcMs } of events) {
      if (isUtf8(line)) this.#append(this.#clock.dayOf(utcMs), name, line, counts)
      else this.#reject(counts)
    }
    await this.#write()
    return counts
  }

  /** Returns the blocks of a range of days, both inclusive, by day and order of ingestion. */
  blocks(firstDay: number, lastDay: number): StoredBlock[] {
    const days = [...this.#days.keys()].filter((day) => day >= firstDay && day <= lastDay).sort((a, b) => a - b)
    return days.flatMap((day) => this.#days.get(day)?.blocks() ?? [])
  }

  #addBlock(block: Buffer, counts: IngestCounts): void {
    const scanner = this.#scanner
    const isText = isUtf8(block)
    for (const line of linesIn(block)) {
      // The scanner expects UTF-8. An invalid line must not affect the others of its block.
      const isEvent = (isText || isUtf8(line)) && scanEvent(scanner, line)
      if (isEvent === undefined) continue
      if (!isEvent) {
        this.#reject(counts)
        continue
      }
      const time = timeNumber(scanner, line)
      const utcMs = toUtcMs(time)
      const isUnchanged = Number.isNaN(utcMs) || utcMs === time
      const stored = isUnchanged ? line : editLine(line, [valueEdit(scanner, scanner.timeToken, String(utcMs))])
      const day = Number.isNaN(utcMs) ? this.#clock.today() : this.#clock.dayOf(utcMs)
      this.#append(day, eventName(scanner, line), stored, counts)
    }
  }

  #reject(counts: IngestCounts): void {
    counts.rejected++
    this.rejected++
  }

  #append(day: number, name: string, line: Buffer, counts: IngestCounts): void {
    this.#bufferedBytes += line.length
    this.#dayFile(day).append(line)
    this.#countEvent(name)
    counts.stored++
  }

  #countEvent(name: string): void {
    this.count++
    this.names.set(name, (this.names.get(name) ?? 0) + 1)
  }

  #dayFile(day: number): DayFile {
    const file = this.#days.get(day) ?? new DayFile(join(this.#directory, `${dayOfNumber(day)}.ndjson`))
    this.#days.set(day, file)
    return file
  }

  /** Writes the buffered lines, after any write in progress. */
  async #write(): Promise<void> {
    const writing = this.#writing.then(async () => {
      this.#bufferedBytes = 0
      for (const file of this.#days.values()) await file.write()
    })
    // The caller gets the error. The next write starts again.
    this.#writing = writing.catch(() => {})
    await writing
  }

  async #loadDay(day: number): Promise<void> {
    const file = this.#dayFile(day)
    for await (const block of toLineBlocks(readFileBytes(file.path))) {
      for (const line of linesIn(block)) {
        const isEvent = scanEvent(this.#scanner, line)
        const time = timeNumber(this.#scanner, line)
        if (!isEvent || (toUtcMs(time) === time && this.#clock.dayOf(time) !== day)) {
          const origin = isEvent
            ? 'was written for another time zone or kind of project'
            : 'was not written by the simulator'
          throw new MixloadError('CONFIG_INVALID', `${file.path} ${origin}. Use another data directory.`)
        }
        this.#countEvent(eventName(this.#scanner, line))
        file.note(line)
      }
    }
  }
}
