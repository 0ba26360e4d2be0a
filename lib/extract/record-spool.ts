import { randomUUID } from 'node:crypto'
import { EVERYTHING } from '../destination/selection.ts'
import { BodyReader } from '../scan/body-reader.ts'
import type { LineScanner } from '../scan/line-scanner.ts'
import type { LineWriter } from '../scan/line-writer.ts'
import type { SpooledRecords } from '../scan/spooled-records.ts'
import type { Slice } from '../slices.ts'
import { ChunkWriter, type SpoolDirectory } from '../spool/spool.ts'
import { SeenKeys } from './seen-keys.ts'

/** The records of one table and one slice on their way to disk. */
export class RecordSpool {
  readonly #scanner: LineScanner
  readonly #writer: LineWriter
  readonly #records: ChunkWriter
  readonly #rejects: ChunkWriter
  readonly #reader: BodyReader
  readonly #startedAt = new Date()
  /** Undefined where a record's identity is not all of its key. */
  readonly #keys: SeenKeys | undefined

  /**
   * `scanner` and `writer` are those of the table; they serve one spool at a time. `isIdentityKey`: whether a record's
   * identity alone is its key.
   */
  constructor(directory: SpoolDirectory, scanner: LineScanner, writer: LineWriter, isIdentityKey: boolean) {
    this.#keys = isIdentityKey ? new SeenKeys() : undefined
    this.#scanner = scanner
    this.#writer = writer
    this.#records = new ChunkWriter(directory, '.ndjson')
    this.#rejects = new ChunkWriter(directory, '.rejects.ndjson')
    this.#reader = new BodyReader({
      scanner: this.#scanner,
      writer: this.#writer,
      events: this.#records,
      rejects: this.#rejects,
      clock: undefined,
      identities: this.#keys,
    })
    writer.begin()
  }

  /** Records that came so far, those set aside not counted. */
  get records(): number {
    return this.#reader.events
  }

  /** Takes whole lines; resolves when the disk has kept up. */
  take(lines: Buffer): Promise<void> {
    return this.#reader.take(lines)
  }

  /** What came, under an id of its own. */
  async end(days: Slice | undefined): Promise<SpooledRecords> {
    const summary = await this.#reader.end()
    return {
      days,
      loadId: randomUUID(),
      firstDay: days?.firstDay ?? null,
      lastDay: days?.lastDay ?? null,
      selection: EVERYTHING,
      startedAt: this.#startedAt,
      events: await this.#records.finish(),
      rejects: await this.#rejects.finish(),
      // What came over the network is counted by whoever asks, once for all tables.
      summary: { ...summary, bytes: 0 },
      dayRows: null,
      requestCount: 0,
      fields: this.#writer.fields(),
      hasOverflow: this.#writer.hasOverflow,
      areKeysDistinct: this.#keys?.areDistinct ?? false,
      ignoredValues: this.#writer.ignoredValues,
    }
  }

  async discard(): Promise<void> {
    await this.#records.discard()
    await this.#rejects.discard()
  }
}
