import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { isFailure, MixloadError } from '../lib/core/errors.ts'
import { InputFile, sizeOf } from '../lib/decompress/input-file.ts'
import type { IngestClient } from '../lib/ingest/client.ts'
import { MAY_MOVE, TIME_DOUBTS, type TimeDoubt } from '../lib/ingest/doubtful-times.ts'
import { type EventFileFormat, formatOf, readEvents } from '../lib/ingest/event-files.ts'
import { LineNumbers } from '../lib/ingest/line-numbers.ts'
import type { DeliveryNotice } from '../lib/ingest/report.ts'
import { RowToEvent } from '../lib/ingest/row-to-event.ts'
import { ingestionHost } from '../lib/mixpanel/regions.ts'
import type { Settings } from '../lib/settings.ts'
import { STANDARD_INPUT } from '../lib/slices.ts'
import type { CommandContext } from './command.ts'
import type { RejectsFile } from './import-rejects.ts'
import { ImportResume } from './import-resume.ts'
import { ingestClient } from './ingest-client.ts'
import type { Recipient } from './recipient.ts'

/** The command to suggest for a file that must be decompressed first. */
const FROM_PIPE = 'mixload import -'

/** How sources are imported. */
export interface ImportRunOptions {
  readonly recipient: Recipient
  /** Where rejected events go. */
  readonly rejects: Pick<RejectsFile, 'add'>
  /** Only checks the events. */
  readonly dryRun: boolean
}

/** Imports sources one after the other. */
export class ImportRun implements AsyncDisposable {
  readonly total = { accepted: 0, rejected: 0, skipped: 0 }
  readonly doubts = new Map<TimeDoubt, number>()
  readonly #context: CommandContext
  readonly #options: ImportRunOptions
  readonly #started = performance.now()
  readonly #client: IngestClient
  /** The present file or query, and how many of its events an earlier import had sent. */
  #source = ''
  #skipped = 0
  #numbers: LineNumbers | undefined
  /** Ends the reading of the source: an open file or pipe would keep the process alive. */
  #reading = new AbortController()
  #rejected = 0

  constructor(context: CommandContext, options: ImportRunOptions) {
    this.#context = context
    this.#options = options
    const onNotice = (notice: DeliveryNotice) => this.#onNotice(notice)
    this.#client = ingestClient(context, { ...options, onNotice, isImport: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client[Symbol.asyncDispose]()
  }

  async importFile(file: string): Promise<void> {
    const { settings, flags, output } = this.#context
    const reading = this.#startSource(file)
    const isPipe = file === STANDARD_INPUT
    try {
      const canResume = !isPipe && (await sizeOf(file)) !== undefined
      const resume = canResume ? await ImportResume.open(settings.stateDir, file, projectKey(settings)) : undefined
      const skipped = flags.resume === true ? (resume?.through ?? 0) : 0
      if (skipped > 0) {
        const message = `${file}: ${skipped} events were imported before. Continuing after them.`
        output.onProgress({ kind: 'warning', message })
      }
      const numbers = new LineNumbers()
      this.#skipped = skipped
      this.#numbers = numbers
      const input = isPipe
        ? new InputFile(process.stdin, reading, FROM_PIPE)
        : InputFile.fromPath(file, reading, FROM_PIPE)
      const format = (flags.format as EventFileFormat | undefined) ?? formatOf(file)
      let isComplete = false
      try {
        await this.#send(skipFirst(skipped, readEvents(input, format, numbers)), (through) => {
          if (!this.#options.dryRun) resume?.note(skipped + through)
          numbers.forget(skipped + through)
        })
        isComplete = true
      } finally {
        this.#reading.abort()
        if (!this.#options.dryRun) await resume?.end(isComplete)
      }
    } catch (error) {
      if (!isFailure(error, 'FILE_REFUSED', 'BODY_UNREADABLE', 'BODY_TRUNCATED')) throw error
      throw new MixloadError(error.code, `${file}: ${error.message}`, { cause: error })
    }
    this.#context.signal.throwIfAborted()
  }

  async importQuery(sql: string): Promise<void> {
    const reading = this.#startSource(sql)
    // Imported here, because an import of files needs no database.
    const [{ openWarehouse }, { sessionOf }] = await Promise.all([
      import('../lib/run/session.ts'),
      import('./session.ts'),
    ])
    await using warehouse = await openWarehouse(sessionOf(this.#context), 'read')
    const { destination } = warehouse
    const converter = new RowToEvent(await destination.columns('export'))
    // Rows are buffered here until they are sent. If the buffer is full, the query waits.
    const rows = new PassThrough({ objectMode: true, highWaterMark: 5000 })
    const bufferRows = async (texts: readonly string[]) => {
      let hasSpace = true
      for (const text of texts) hasSpace = rows.write(text)
      if (!hasSpace) await once(rows, 'drain', { signal: reading })
    }
    const queried = destination.query(sql, bufferRows, reading).then(
      () => void rows.end(),
      (error: Error) => void rows.destroy(error),
    )
    const events = async function* () {
      for await (const row of rows as AsyncIterable<string>) yield converter.convert(row)
    }
    try {
      await this.#send(events())
    } finally {
      this.#reading.abort()
      await queried
    }
    this.#context.signal.throwIfAborted()
  }

  #startSource(source: string): AbortSignal {
    this.#source = source
    this.#skipped = 0
    this.#numbers = undefined
    this.#reading = new AbortController()
    return AbortSignal.any([this.#context.signal, this.#reading.signal])
  }

  async #send(events: Parameters<IngestClient['import']>[0], onThrough = (_: number) => {}): Promise<void> {
    const { signal, output } = this.#context
    const before = this.total.accepted + this.total.rejected
    const { accepted, rejected } = await this.#client.import(events, {
      signal,
      onProgress: (through) => {
        onThrough(through)
        const seconds = (performance.now() - this.#started) / 1000
        const progress = { events: before + through, rejected: this.#rejected, seconds }
        output.onProgress({ kind: 'import-progress', ...progress })
      },
    })
    this.total.accepted += accepted
    this.total.rejected += rejected
    this.total.skipped += this.#skipped
  }

  #onNotice(notice: DeliveryNotice): void {
    if (notice.kind === 'retry') {
      this.#context.output.onProgress({ kind: 'retry', error: notice.error, delayMs: notice.delayMs })
    } else if (notice.kind === 'rejected') {
      this.#rejected++
      const index = this.#skipped + notice.rejection.index
      const place = { source: this.#source, number: index + 1, line: this.#numbers?.lineOf(index) }
      this.#options.rejects.add(place, notice.rejection)
    } else if (notice.kind === 'doubtful-time') this.#noteDoubt(notice.doubt, notice.index)
    else this.#reading.abort()
  }

  /** Reports the first of each kind at once, because the import may take hours. */
  #noteDoubt(doubt: TimeDoubt, index: number): void {
    const count = this.doubts.get(doubt) ?? 0
    this.doubts.set(doubt, count + 1)
    if (count > 0) return
    const number = this.#skipped + index
    const line = this.#numbers?.lineOf(number)
    const place = line === undefined ? `event ${number + 1}` : `line ${line}`
    const message = `${this.#source}: the time of ${place} is ${TIME_DOUBTS[doubt]}. ${MAY_MOVE}`
    this.#context.output.onProgress({ kind: 'warning', message })
  }
}

async function* skipFirst(
  count: number,
  lists: AsyncIterable<readonly string[]>,
): AsyncGenerator<readonly string[], void, undefined> {
  let left = count
  for await (const list of lists) {
    if (left < list.length) yield left === 0 ? list : list.slice(left)
    left = Math.max(0, left - list.length)
  }
}

/** Distinguishes projects and servers. It may hold a secret: only its hash may be stored. */
function projectKey(settings: Settings): string {
  const { token, projectId, apiSecret, region, apiUrl } = settings
  return [ingestionHost(region, apiUrl), token ?? projectId ?? apiSecret].join(' ')
}
