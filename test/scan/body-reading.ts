import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { ColumnRegistry } from '../../lib/columns/registry.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import { BodyReader, type BodySummary } from '../../lib/scan/body-reader.ts'
import { LineScanner } from '../../lib/scan/line-scanner.ts'
import { LineWriter } from '../../lib/scan/line-writer.ts'
import { type Chunk, ChunkWriter, removeChunks, SpoolDirectory } from '../../lib/spool/spool.ts'
import { eventClock } from '../../lib/time/event-time.ts'
import { PLAIN_RULES } from '../columns/plain-rules.ts'

export const DAY = '2026-08-03'
export const NOON = Date.parse(`${DAY}T12:00:00Z`)

/** An event that stays in the spool byte for byte. */
export function eventLine(at: number, more = ''): string {
  return `{"event":"Ordered","properties":{"time":${NOON + at},"distinct_id":"p${at}","$insert_id":"i${at}"${more}}}`
}

/** What became of a body. */
export interface BodyRead {
  readonly events: string
  readonly rejects: readonly { readonly reason: string; readonly line: string }[]
  readonly summary: BodySummary
  readonly eventNames: ReadonlySet<string>
}

/** Reads bodies into a spool of its own. */
export class BodyDesk implements AsyncDisposable {
  readonly #parent: string
  readonly #spool: SpoolDirectory

  private constructor(parent: string, spool: SpoolDirectory) {
    this.#parent = parent
    this.#spool = spool
  }

  static async open(): Promise<BodyDesk> {
    const parent = await mkdtemp(join(tmpdir(), 'mixload-body-'))
    return new BodyDesk(parent, await SpoolDirectory.create(parent))
  }

  /** Each call is a run of its own: it knows no property. */
  async read(body: string | Buffer, blockBytes = 65_536, mustBeWhole = false): Promise<BodyRead> {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const scanner = new LineScanner()
    const registry = new ColumnRegistry(EXPORT_COLUMNS, PLAIN_RULES)
    const writer = new LineWriter(scanner, registry)
    writer.begin()
    const lines = new ChunkWriter(this.#spool, '.ndjson')
    const rejects = new ChunkWriter(this.#spool, '.rejects.ndjson')
    const eventNames = new Set<string>()
    const identities = {
      add(from: Buffer, start: number, end: number) {
        eventNames.add(JSON.parse(from.toString('utf8', start, end)))
      },
    }
    try {
      const sinks = { scanner, writer, lines, rejects, identities, clock: eventClock(DAY, DAY), mustBeWhole }
      const reader = new BodyReader(sinks)
      for await (const block of blocksOf(bytes, blockBytes)) await reader.take(block)
      const summary = await reader.end()
      const eventText = await contentOf(await lines.finish())
      const rejectText = await contentOf(await rejects.finish())
      const rejected = rejectText.split('\n').slice(0, -1)
      return { events: eventText, rejects: rejected.map((line) => JSON.parse(line)), summary, eventNames }
    } finally {
      await lines.discard()
      await rejects.discard()
    }
  }

  /** The code of the failure that reading a body ends in; undefined when it succeeds. */
  async failure(body: string | Buffer, blockBytes?: number, mustBeWhole?: boolean): Promise<string | undefined> {
    try {
      await this.read(body, blockBytes, mustBeWhole)
      return undefined
    } catch (error) {
      if (error instanceof MixloadError) return error.code
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#parent, { recursive: true, force: true })
  }
}

async function contentOf(chunks: readonly Chunk[]): Promise<string> {
  const parts: Buffer[] = []
  for (const { path } of chunks) parts.push(await readFile(path))
  await removeChunks(chunks)
  return Buffer.concat(parts).toString()
}

function blocksOf(body: Buffer, blockBytes: number): Readable {
  const blocks: Buffer[] = []
  for (let at = 0; at < body.length; at += blockBytes) blocks.push(body.subarray(at, at + blockBytes))
  return Readable.from(blocks, { objectMode: true })
}
