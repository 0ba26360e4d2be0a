import { writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { EVERYTHING } from '../../lib/destination/selection.ts'
import { FileExtractor } from '../../lib/extract/file-extractor.ts'
import type { SpooledSlice } from '../../lib/extract/slice-source.ts'
import type { TableInput } from '../../lib/extract/table-input.ts'
import type { Slice } from '../../lib/slices.ts'
import type { SpoolDirectory } from '../../lib/spool/spool.ts'
import { eventClock } from '../../lib/time/event-time.ts'

/** Spools bodies as the extractor does, without the HTTP. One for a run, as its input is. */
export class BodySpooler {
  readonly #input: TableInput
  #loads = 0

  constructor(_: SpoolDirectory, input: TableInput) {
    this.#input = input
  }

  /** `blockBytes`: the body comes in blocks of this size. */
  async spool(slice: Slice, body: Buffer, blockBytes = 65_536): Promise<SpooledSlice> {
    const input = this.#input
    input.begin()
    const clock = eventClock(slice.firstDay, slice.lastDay)
    const spool = input.spool({ clock, countsDays: true })
    for await (const block of blocksOf(body, blockBytes)) await spool.take(block)
    const loadId = `load-${++this.#loads}`
    const about = { ...slice, name: 'export', loadId, selection: EVERYTHING, startedAt: new Date() }
    const rows = input.spooled(await spool.end(), { ...about, clock })
    return { slice, tables: [{ ...rows, requestCount: 1 }] }
  }
}

/** Spools bodies as `mixload load` does, from files that are plain, gzip and zstd in turn. */
export class FileSpooler {
  readonly #spool: SpoolDirectory
  readonly #extractor: FileExtractor
  #files = 0

  constructor(spool: SpoolDirectory, input: TableInput) {
    this.#spool = spool
    const none = Number.POSITIVE_INFINITY
    this.#extractor = new FileExtractor({
      input,
      ledger: [],
      loadsMax: none,
      daysPerLoadMax: none,
      standardInput: () => Readable.from([]),
      onProgress: () => {},
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
