import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import type { ColumnRegistry } from '../columns/registry.ts'
import { MixloadError } from '../core/errors.ts'
import { InputFile, sizeOf } from '../decompress/input-file.ts'
import type { LoadRecord } from '../destination/contract.ts'
import type { Tell } from '../progress.ts'
import { LineScanner } from '../scan/line-scanner.ts'
import { LineWriter } from '../scan/line-writer.ts'
import { type FileSlice, STANDARD_INPUT } from '../slices.ts'
import type { SpoolDirectory } from '../spool/spool.ts'
import { type DayRows, DayTally } from '../time/day-tally.ts'
import type { Day } from '../time/days.ts'
import { FILE_CLOCK } from '../time/event-time.ts'
import { discardSpooled, type Extracted, type Part, type SliceSource, spoolBody } from './event-extractor.ts'

export interface FileExtractOptions {
  readonly stream: string
  readonly spool: SpoolDirectory
  readonly registry: ColumnRegistry
  /** The stream's loads so far. */
  readonly ledger: readonly LoadRecord[]
  /** The most loads that the table still takes. */
  readonly loadsMax: number
  /** The most days that one load may hold. */
  readonly daysPerLoadMax: number
  /** The most columns that are not null in one row. */
  readonly valuesPerRowMax: number
  /** Read for the file that is called `-`. */
  readonly standardInput: () => Readable
  readonly tell: Tell
}

/**
 * Reads files of events to the spool, one after the other. A load's id is made from its file's content, so a file that the
 * ledger has is known again wherever it lies and whatever it is called.
 */
export class FileExtractor implements SliceSource<FileSlice> {
  readonly requestCount = 0
  readonly #options: FileExtractOptions
  readonly #scanner = new LineScanner()
  readonly #writer: LineWriter
  /** What is loaded, or will be in this run: ids, and sizes of the files. */
  readonly #loadIds: Set<string>
  readonly #sizes: Set<number>
  #loads = 0

  constructor(options: FileExtractOptions) {
    this.#options = options
    this.#writer = new LineWriter(this.#scanner, options.registry, options.valuesPerRowMax)
    this.#loadIds = new Set(options.ledger.map(({ loadId }) => loadId))
    this.#sizes = new Set(options.ledger.flatMap(({ selection }) => (selection.kind === 'file' ? selection.bytes : [])))
  }

  /**
   * @throws MixloadError FILE_REFUSED, BODY_TRUNCATED or BODY_UNREADABLE, which concern this file alone; CONFIG_INVALID
   *   where the table takes no more loads today.
   */
  async extract(slice: FileSlice, signal: AbortSignal): Promise<Extracted<FileSlice>> {
    const { tell } = this.#options
    const startedAt = new Date()
    tell({ kind: 'slice-started', slice })
    try {
      // Only a file of a size that was loaded may have been loaded itself: then hashing it first saves the rest.
      const size = slice.file === STANDARD_INPUT ? undefined : await sizeOf(slice.file)
      const isLoaded = size !== undefined && this.#sizes.has(size) && (await this.#isLoaded(slice, signal))
      if (isLoaded) return { kind: 'already-loaded' }
      this.#assertRoom()
      return await this.#read(slice, startedAt, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw error
    }
  }

  async #isLoaded({ file }: FileSlice, signal: AbortSignal): Promise<boolean> {
    const input = InputFile.fromPath(file, signal)
    await input.readThrough()
    return this.#loadIds.has(loadIdOf(this.#options.stream, input.sha256()))
  }

  async #read(slice: FileSlice, startedAt: Date, signal: AbortSignal): Promise<Extracted<FileSlice>> {
    const { file } = slice
    const { spool, stream, standardInput, tell } = this.#options
    const input = file === STANDARD_INPUT ? new InputFile(standardInput(), signal) : InputFile.fromPath(file, signal)
    const dayTally = new DayTally(FILE_CLOCK)
    this.#writer.begin()
    const part = await spoolBody(input.blocks(), spool, {
      scanner: this.#scanner,
      writer: this.#writer,
      clock: FILE_CLOCK,
      dayTally,
      onProgress: (bytes, events) => tell({ kind: 'slice-progress', slice, bytes, events }),
    })
    await assertExport(part)
    const sha256 = input.sha256()
    const loadId = loadIdOf(stream, sha256)
    if (this.#loadIds.has(loadId)) {
      await discardSpooled(part)
      return { kind: 'already-loaded' }
    }
    await this.#assertFewDays(part, dayTally)
    this.#loadIds.add(loadId)
    this.#sizes.add(input.bytes)
    this.#loads++
    return {
      kind: 'spooled',
      spooled: {
        slice,
        loadId,
        ...spanOf(dayTally.dayRows()),
        selection: { kind: 'file', file: basename(file), bytes: input.bytes, sha256 },
        startedAt,
        ...part,
        dayRows: dayTally.dayRows(),
        requestCount: 0,
        fields: this.#writer.fields(),
        hasOverflow: this.#writer.hasOverflow,
        ignoredValues: this.#writer.ignoredValues,
        clock: FILE_CLOCK,
      },
    }
  }

  #assertRoom(): void {
    if (this.#loads < this.#options.loadsMax) return
    throw new MixloadError(
      'CONFIG_INVALID',
      'The destination takes no more loads into this table for now, and each file is a load. Run the same command ' +
        'again tomorrow: what is loaded by then is left out. Or join the files to fewer, larger ones.',
    )
  }

  async #assertFewDays(part: Part, dayTally: DayTally): Promise<void> {
    const { daysPerLoadMax } = this.#options
    const { undated, outside } = part.summary
    const days = dayTally.size + (undated + outside > 0 ? 1 : 0)
    if (days <= daysPerLoadMax) return
    await discardSpooled(part)
    throw new MixloadError(
      'FILE_REFUSED',
      `Its events are of ${days} days, and the destination takes ${daysPerLoadMax} in one load. Cut it into several files.`,
    )
  }
}

/** Refuses a file of whose lines not a single one is an event: it would be taken for loaded, and fill the rejects. */
async function assertExport(part: Part): Promise<void> {
  const { events, rejects } = part.summary
  if (events > 0 || rejects === 0) return
  await discardSpooled(part)
  throw new MixloadError('BODY_UNREADABLE', `This is no export: not one of its ${rejects} lines is an event.`)
}

/** An id like those of other loads, made from what was loaded: as a UUID of version 8, which is for such uses. */
function loadIdOf(stream: string, sha256: string): string {
  const digest = createHash('sha256').update(`${stream}\n${sha256}`).digest()
  digest[6] = ((digest[6] as number) & 0x0f) | 0x80
  digest[8] = ((digest[8] as number) & 0x3f) | 0x80
  return digest.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** The first and the last of these days, which are in order; null where there is none. */
function spanOf(dayRows: DayRows): { readonly firstDay: Day | null; readonly lastDay: Day | null } {
  const days = Object.keys(dayRows)
  return { firstDay: days[0] ?? null, lastDay: days.at(-1) ?? null }
}
