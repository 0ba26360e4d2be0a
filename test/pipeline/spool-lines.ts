import { writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { ColumnRegistry } from '../../lib/columns/registry.ts'
import { EVERYTHING } from '../../lib/destination/selection.ts'
import type { SpooledSlice } from '../../lib/extract/event-extractor.ts'
import { FileExtractor } from '../../lib/extract/file-extractor.ts'
import { type BodySummary, readBody } from '../../lib/scan/body-reader.ts'
import { LineScanner } from '../../lib/scan/line-scanner.ts'
import { LineWriter } from '../../lib/scan/line-writer.ts'
import type { Slice } from '../../lib/slices.ts'
import { ChunkWriter, type SpoolDirectory } from '../../lib/spool/spool.ts'
import { DayTally } from '../../lib/time/day-tally.ts'
import { eventClock } from '../../lib/time/event-time.ts'

/** Spools bodies as the extractor does, without the HTTP. One for a run, as its scanner and writer are. */
export class BodySpooler {
  readonly #spool: SpoolDirectory
  readonly #scanner = new LineScanner()
  readonly #writer: LineWriter
  #loads = 0

  constructor(spool: SpoolDirectory, registry: ColumnRegistry) {
    this.#spool = spool
    this.#writer = new LineWriter(this.#scanner, registry)
  }

  /** `blockBytes`: the body comes in blocks of this size. */
  async spool(slice: Slice, body: Buffer, blockBytes = 65_536): Promise<SpooledSlice> {
    this.#writer.begin()
    const events = new ChunkWriter(this.#spool, '.ndjson')
    const rejects = new ChunkWriter(this.#spool, '.rejects.ndjson')
    const clock = eventClock(slice.firstDay, slice.lastDay)
    const dayTally = new DayTally(clock)
    const sinks = { scanner: this.#scanner, writer: this.#writer, events, rejects, clock, dayTally }
    const summary: BodySummary = await readBody(blocksOf(body, blockBytes), sinks)
    return {
      slice,
      ...slice,
      selection: EVERYTHING,
      loadId: `load-${++this.#loads}`,
      startedAt: new Date(),
      events: await events.finish(),
      rejects: await rejects.finish(),
      summary,
      dayRows: dayTally.dayRows(),
      requestCount: 1,
      fields: this.#writer.fields(),
      hasOverflow: this.#writer.hasOverflow,
      ignoredValues: this.#writer.ignoredValues,
      clock,
    }
  }
}

/** Spools bodies as `mixload load` does, from files that are plain, gzip and zstd in turn. */
export class FileSpooler {
  readonly #spool: SpoolDirectory
  readonly #extractor: FileExtractor
  #files = 0

  constructor(spool: SpoolDirectory, registry: ColumnRegistry) {
    this.#spool = spool
    const none = Number.POSITIVE_INFINITY
    this.#extractor = new FileExtractor({
      stream: 'export',
      spool,
      registry,
      ledger: [],
      loadsMax: none,
      daysPerLoadMax: none,
      valuesPerRowMax: none,
      standardInput: () => Readable.from([]),
      tell: () => {},
    })
  }

  /** Undefined for a body that came before. */
  async spool(_: Slice, body: Buffer): Promise<SpooledSlice | undefined> {
    const pack = PACKERS[this.#files++ % PACKERS.length] as (body: Buffer) => Buffer
    const file = this.#spool.nextFile('.input')
    await writeFile(file, pack(body))
    const extracted = await this.#extractor.extract({ file }, new AbortController().signal)
    return extracted.kind === 'spooled' ? extracted.spooled : undefined
  }
}

const PACKERS = [(body: Buffer) => body, (body: Buffer) => gzipSync(body), (body: Buffer) => zstdCompressSync(body)]

function blocksOf(body: Buffer, blockBytes: number): Readable {
  const blocks: Buffer[] = []
  for (let at = 0; at < body.length; at += blockBytes) blocks.push(body.subarray(at, at + blockBytes))
  return Readable.from(blocks, { objectMode: true })
}
