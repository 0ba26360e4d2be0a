import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { isFailure, MixloadError } from '../core/errors.ts'
import { InputFile, sizeOf } from '../decompress/input-file.ts'
import type { LoadRecord } from '../destination/contract.ts'
import type { OnProgress } from '../progress.ts'
import { type FileSlice, rowsName, STANDARD_INPUT } from '../slices.ts'
import { FILE_CLOCK } from '../time/event-time.ts'
import { discardRows, type SpooledRows } from '../transform/spooled-rows.ts'
import { adviceAgainst, HEAD_BYTES } from './other-forms.ts'
import { ANSWER_FAILURES, type Extracted, type SliceSource } from './slice-source.ts'
import type { TableInput } from './table-input.ts'

export interface FileExtractOptions {
  /** The input of the table that the files have rows of. */
  readonly input: TableInput
  readonly ledger: readonly LoadRecord[]
  /** How many more loads the table can take. */
  readonly loadsMax: number
  readonly daysPerLoadMax: number
  /** Read for the file named `-`. */
  readonly standardInput: () => Readable
  readonly onProgress: OnProgress
}

/** Spools files. A load's id depends only on content, so a loaded file is known under any name. */
export class FileExtractor implements SliceSource<FileSlice> {
  readonly #options: FileExtractOptions
  /** Ids and file sizes of the loads in the ledger and in this run. */
  readonly #loadIds: Set<string>
  readonly #sizes: Set<number>
  #loads = 0

  constructor(options: FileExtractOptions) {
    this.#options = options
    this.#loadIds = new Set(options.ledger.map(({ loadId }) => loadId))
    this.#sizes = new Set(options.ledger.flatMap(({ selection }) => (selection.kind === 'file' ? selection.bytes : [])))
  }

  /** @throws MixloadError CONFIG_INVALID if the table takes no more loads today. */
  async extract(slice: FileSlice, signal: AbortSignal): Promise<Extracted<FileSlice>> {
    const { input, onProgress } = this.#options
    const startedAt = new Date()
    onProgress({ kind: 'slice-started', stream: input.table.name, slice })
    try {
      // If a file of this size was loaded, hash it first: that is cheaper than reading it in vain.
      const size = slice.file === STANDARD_INPUT ? undefined : await sizeOf(slice.file)
      const isLoaded = size !== undefined && this.#sizes.has(size) && (await this.#isLoaded(slice, signal))
      if (isLoaded) return { kind: 'already-loaded' }
      this.#assertRoom()
      return await this.#read(slice, startedAt, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (isFailure(error, ...ANSWER_FAILURES, 'FILE_REFUSED')) return { kind: 'skipped', error }
      throw error
    }
  }

  async #isLoaded({ file }: FileSlice, signal: AbortSignal): Promise<boolean> {
    const content = InputFile.fromPath(file, signal)
    await content.readThrough()
    return this.#loadIds.has(loadIdOf(this.#options.input.table.name, content.sha256()))
  }

  async #read(slice: FileSlice, startedAt: Date, signal: AbortSignal): Promise<Extracted<FileSlice>> {
    const { file } = slice
    const { input, standardInput } = this.#options
    const content = file === STANDARD_INPUT ? new InputFile(standardInput(), signal) : InputFile.fromPath(file, signal)
    const head = new FileHead()
    const rows = await this.#spool(slice, content, startedAt, head).catch((error) => {
      if (isFailure(error, 'BODY_UNREADABLE') && head.text !== '') throw unusable(error.message, head, file)
      throw error
    })
    try {
      const { noun } = input.table.lines
      const { summary } = rows
      // It would count as loaded, and fill the rejects.
      if (summary.rows === 0 && summary.rejects > 0) {
        const message = `Not a Mixpanel export: none of its ${summary.rejects} lines is a valid ${noun}.`
        throw unusable(message, head, file)
      }
      const hasPersons = rows.fields.some(({ column }) => column.role === 'fixed' && column.name === 'distinct_id')
      if (summary.rows > 0 && summary.undated === summary.rows && !hasPersons) {
        const message = `Not a Mixpanel export: none of its ${summary.rows} ${noun}s has a usable time or a distinct_id.`
        throw unusable(message, head, file)
      }
      if (this.#loadIds.has(rows.loadId)) {
        await discardRows(rows)
        return { kind: 'already-loaded' }
      }
      this.#assertFewDays(rows)
    } catch (error) {
      await discardRows(rows)
      throw error
    }
    this.#loadIds.add(rows.loadId)
    this.#sizes.add(content.bytes)
    this.#loads++
    return { kind: 'spooled', spooled: { slice, tables: [rows] } }
  }

  /** Reads the file to its end into the spool. */
  async #spool(slice: FileSlice, content: InputFile, startedAt: Date, head: FileHead): Promise<SpooledRows> {
    const { input, onProgress } = this.#options
    const stream = input.table.name
    input.begin()
    const spool = input.spool({
      clock: FILE_CLOCK,
      countsDays: true,
      onProgress: (bytes, rows) => onProgress({ kind: 'slice-progress', stream, slice, bytes, rows, requests: 0 }),
    })
    try {
      for await (const block of content.blocks()) {
        head.take(block)
        await spool.take(block)
      }
      const body = await spool.end()
      const sha256 = content.sha256()
      const days = Object.keys(body.dayTally?.dayRows() ?? {})
      return input.spooled(body, {
        name: rowsName(stream, slice),
        loadId: loadIdOf(stream, sha256),
        firstDay: days[0] ?? null,
        lastDay: days.at(-1) ?? null,
        selection: { kind: 'file', file: basename(slice.file), bytes: content.bytes, sha256 },
        startedAt,
        clock: FILE_CLOCK,
      })
    } catch (error) {
      await spool.discard()
      throw error
    }
  }

  #assertRoom(): void {
    if (this.#loads < this.#options.loadsMax) return
    throw new MixloadError(
      'CONFIG_INVALID',
      'The destination takes no more loads into this table today, and each file is one load. Run the same command ' +
        'again tomorrow: it skips files that are loaded. Or join the files into fewer, larger ones.',
    )
  }

  #assertFewDays({ summary, dayRows }: SpooledRows): void {
    const { daysPerLoadMax } = this.#options
    const days = Object.keys(dayRows ?? {}).length + (summary.undated + summary.outside > 0 ? 1 : 0)
    if (days <= daysPerLoadMax) return
    throw new MixloadError(
      'FILE_REFUSED',
      `Its events are from ${days} days, but the destination takes at most ${daysPerLoadMax} days per load. Split it into several files.`,
    )
  }
}

/** The beginning of a file, for messages. */
class FileHead {
  text = ''

  take(block: Buffer): void {
    if (this.text.length < HEAD_BYTES) this.text += block.toString('utf8', 0, HEAD_BYTES)
  }
}

/** A file without usable events: what is wrong, and what to type. */
function unusable(message: string, { text }: FileHead, file: string): MixloadError {
  return new MixloadError('BODY_UNREADABLE', `${message} ${adviceAgainst(text, file)}`.trimEnd())
}

/** The id of a load, from its content: a UUID of version 8. */
function loadIdOf(stream: string, sha256: string): string {
  const digest = createHash('sha256').update(`${stream}\n${sha256}`).digest()
  digest[6] = ((digest[6] as number) & 0x0f) | 0x80
  digest[8] = ((digest[8] as number) & 0x3f) | 0x80
  return digest.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
