import { crc32 } from 'node:zlib'
import type { StreamTable } from '../columns/table.ts'
import { BodyReader, type BodySinks, type BodySummary, type Identities } from '../scan/body-reader.ts'
import type { KeptLine } from '../scan/kept-line.ts'
import { LineDigests } from '../scan/line-digests.ts'
import type { LineScanner } from '../scan/line-scanner.ts'
import type { LineWriter } from '../scan/line-writer.ts'
import { type Chunk, ChunkWriter, type SpoolDirectory } from '../spool/spool.ts'
import { DayTally } from '../time/day-tally.ts'
import type { EventClock } from '../time/event-time.ts'
import { SeenKeys } from './seen-keys.ts'

/** How to read a body. */
export interface TableSpoolOptions {
  /** How to read times; undefined if lines have none. */
  readonly clock?: EventClock | undefined
  readonly countsDays?: boolean
  /** Set to compute digests of the days: what else decides how lines are stored. */
  readonly digestSalt?: string | undefined
  readonly identities?: Identities | undefined
  readonly mustBeWhole?: boolean
  readonly keptLine?: KeptLine
  readonly onProgress?: NonNullable<BodySinks['onProgress']>
}

/** The content of a body, on disk. */
export interface SpooledBody {
  readonly lines: readonly Chunk[]
  readonly rejects: readonly Chunk[]
  readonly summary: BodySummary
  /** CRC-32 of all bytes that came. */
  readonly checksum: number
  /** Its rows by day; undefined if they were not counted. */
  readonly dayTally: DayTally | undefined
  /** Undefined if they were not computed. */
  readonly digests: LineDigests | undefined
  readonly areKeysDistinct: boolean
}

/** Writes lines of one table to disk: one body, or the batches of a slice. */
export class TableSpool {
  readonly #lines: ChunkWriter
  readonly #rejects: ChunkWriter
  readonly #reader: BodyReader
  #checksum = 0
  readonly #dayTally: DayTally | undefined
  readonly #digests: LineDigests | undefined
  /** Undefined if the key is more than a record's identity. */
  readonly #keys: SeenKeys | undefined

  /** `scanner` and `writer` belong to the table and serve one spool at a time. */
  constructor(
    directory: SpoolDirectory,
    { key, identity }: StreamTable,
    scanner: LineScanner,
    writer: LineWriter,
    { clock, countsDays = false, digestSalt, identities, ...sinks }: TableSpoolOptions,
  ) {
    this.#keys = key.length === 1 && key[0] === identity ? new SeenKeys() : undefined
    this.#dayTally = clock !== undefined && countsDays ? new DayTally(clock) : undefined
    this.#digests = digestSalt === undefined ? undefined : new LineDigests(digestSalt)
    this.#lines = new ChunkWriter(directory, '.ndjson')
    this.#rejects = new ChunkWriter(directory, '.rejects.ndjson')
    this.#reader = new BodyReader({
      ...sinks,
      scanner,
      writer,
      clock,
      dayTally: this.#dayTally,
      digests: this.#digests,
      identities: this.#keys ?? identities,
      lines: this.#lines,
      rejects: this.#rejects,
    })
  }

  get rows(): number {
    return this.#reader.rows
  }

  /** Takes the next bytes; resolves when the disk has caught up. */
  take(block: Buffer): Promise<void> {
    this.#checksum = crc32(block, this.#checksum)
    return this.#reader.take(block)
  }

  /** Ends the last line and closes the files. Throws as {@link BodyReader} does. */
  async end(): Promise<SpooledBody> {
    const summary = await this.#reader.end()
    return {
      lines: await this.#lines.finish(),
      rejects: await this.#rejects.finish(),
      summary,
      checksum: this.#checksum,
      dayTally: this.#dayTally,
      digests: this.#digests,
      areKeysDistinct: this.#keys?.areDistinct ?? false,
    }
  }

  async discard(): Promise<void> {
    await this.#lines.discard()
    await this.#rejects.discard()
  }
}
