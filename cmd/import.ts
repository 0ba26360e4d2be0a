import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { isFailure, MixloadError } from '../lib/core/errors.ts'
import { InputFile, sizeOf } from '../lib/decompress/input-file.ts'
import type { IngestClient } from '../lib/ingest/client.ts'
import { EVENT_FILE_FORMATS, type EventFileFormat, formatOf, readEvents } from '../lib/ingest/event-files.ts'
import { LineNumbers } from '../lib/ingest/line-numbers.ts'
import type { DeliveryNotice, DeliveryReport } from '../lib/ingest/report.ts'
import { RowToEvent } from '../lib/ingest/row-to-event.ts'
import { ingestionHost } from '../lib/mixpanel/regions.ts'
import type { Settings } from '../lib/settings.ts'
import { STANDARD_INPUT } from '../lib/slices.ts'
import { type Command, type CommandContext, textFlag } from './command.ts'
import { RejectsFile } from './import-rejects.ts'
import { ImportResume } from './import-resume.ts'
import { countsText, INGEST_SETTINGS, ingestClient } from './ingest-client.ts'
import { WAREHOUSE_SETTINGS } from './load-settings.ts'

const REJECTS_FILE = 'mixload-rejects.ndjson'

/** The command to suggest for a file that must be decompressed first. */
const FROM_PIPE = 'mixload import -'

/**
 * `mixload import FILE…` or `--query`: imports events of any age, from files or from the warehouse.
 */
export const command: Command = {
  settings: [...INGEST_SETTINGS, ...WAREHOUSE_SETTINGS, 'projectId', 'stateDir'],
  options: {
    query: textFlag('Import the rows of this warehouse query; rows of export and of its views become events again'),
    format: textFlag('Format of the files', {
      choices: EVENT_FILE_FORMATS,
      defaultDescription: 'csv for names that end in .csv, else ndjson',
    }),
    rejects: textFlag('File for rejected events, each with the reason', { default: REJECTS_FILE }),
    resume: {
      type: 'boolean',
      default: true,
      describe: 'Continue an interrupted import of the same file; --no-resume starts from the beginning',
    },
  },
  words: {
    usage: '[FILE...]',
    describe:
      'Each FILE has one event per line, {"event":…,"properties":{"time":…,…}}, or is CSV with a header. It may be\n' +
      'compressed with gzip or zstd. Use - for standard input.',
  },
  async run(context) {
    const { flags, words: files, output, signal } = context
    const query = flags.query as string | undefined
    if ((query === undefined) === (files.length === 0)) {
      throw new MixloadError('CONFIG_INVALID', 'Name files to import, or - for standard input, or use --query.')
    }
    const started = performance.now()
    const total = { accepted: 0, rejected: 0, skipped: 0 }
    const rejects = new RejectsFile(flags.rejects as string)
    const reporter = new ImportReporter(context, rejects, started)
    await using client = ingestClient(context, reporter.onNotice, true)
    try {
      for (const source of query === undefined ? files : [query]) {
        const reading = reporter.startSource(source)
        const importSource = query === undefined ? importFile : importQuery
        const report = await importSource(context, client, reporter, source, reading)
        total.accepted += report.accepted
        total.rejected += report.rejected
        total.skipped += reporter.skipped
        signal.throwIfAborted()
      }
    } finally {
      output.end()
      await rejects.end()
    }
    printTotal(output, total, rejects.path, (performance.now() - started) / 1000)
    return total.rejected > 0 ? 3 : 0
  },
}

/**
 * Writes rejected events to their file, and reports everything else that happens during an import.
 */
class ImportReporter {
  readonly #context: CommandContext
  readonly #rejects: RejectsFile
  readonly #started: number
  /** How many events of the source an earlier import had sent. */
  skipped = 0
  #source = ''
  #numbers: LineNumbers | undefined
  #reading = new AbortController()
  #eventsBefore = 0
  #rejected = 0

  constructor(context: CommandContext, rejects: RejectsFile, started: number) {
    this.#context = context
    this.#rejects = rejects
    this.#started = started
  }

  /** Starts a file or a query. The signal ends the reading of it. */
  startSource(source: string): AbortSignal {
    this.#source = source
    this.skipped = 0
    this.#numbers = undefined
    this.#reading = new AbortController()
    return AbortSignal.any([this.#context.signal, this.#reading.signal])
  }

  /** Notes how many events of the file are not sent again, and on which lines the events are. */
  skip(count: number, numbers: LineNumbers): void {
    this.skipped = count
    this.#numbers = numbers
  }

  /** Ends the reading: an open file, terminal or pipe would keep the process alive. */
  stopReading(): void {
    this.#reading.abort()
  }

  readonly onNotice = (notice: DeliveryNotice): void => {
    const { output } = this.#context
    if (notice.kind === 'retry') output.onProgress({ kind: 'retry', error: notice.error, delayMs: notice.delayMs })
    else if (notice.kind === 'rejected') {
      this.#rejected++
      const index = this.skipped + notice.rejection.index
      const place = { source: this.#source, number: index + 1, line: this.#numbers?.lineOf(index) }
      this.#rejects.add(place, notice.rejection)
    } else this.stopReading()
  }

  readonly onProgress = (through: number): void => {
    const seconds = (performance.now() - this.#started) / 1000
    const events = this.#eventsBefore + through
    this.#context.output.onProgress({ kind: 'import-progress', events, rejected: this.#rejected, seconds })
  }

  endSource({ accepted, rejected }: DeliveryReport): void {
    this.#eventsBefore += accepted + rejected
  }
}

async function importFile(
  { settings, flags, output, signal }: CommandContext,
  client: IngestClient,
  reporter: ImportReporter,
  file: string,
  reading: AbortSignal,
): Promise<DeliveryReport> {
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
    reporter.skip(skipped, numbers)
    const input = isPipe
      ? new InputFile(process.stdin, reading, FROM_PIPE)
      : InputFile.fromPath(file, reading, FROM_PIPE)
    const format = (flags.format as EventFileFormat | undefined) ?? formatOf(file)
    let isComplete = false
    try {
      const report = await client.import(skipFirst(skipped, readEvents(input, format, numbers)), {
        signal,
        onProgress(through) {
          resume?.note(skipped + through)
          numbers.forget(skipped + through)
          reporter.onProgress(through)
        },
      })
      isComplete = true
      reporter.endSource(report)
      return report
    } finally {
      reporter.stopReading()
      await resume?.end(isComplete)
    }
  } catch (error) {
    if (!isFailure(error, 'FILE_REFUSED', 'BODY_UNREADABLE', 'BODY_TRUNCATED')) throw error
    throw new MixloadError(error.code, `${file}: ${error.message}`, { cause: error })
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

async function importQuery(
  context: CommandContext,
  client: IngestClient,
  reporter: ImportReporter,
  sql: string,
  reading: AbortSignal,
): Promise<DeliveryReport> {
  const { signal } = context
  // Imported here, because an import of files needs no database.
  const [{ openWarehouse }, { sessionOf }] = await Promise.all([
    import('../lib/run/session.ts'),
    import('./session.ts'),
  ])
  await using warehouse = await openWarehouse(sessionOf(context), 'read')
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
    return await client.import(events(), { signal, onProgress: reporter.onProgress })
  } finally {
    reporter.stopReading()
    await queried
  }
}

/** Distinguishes projects and servers. It may hold a secret: only its hash may be stored. */
function projectKey(settings: Settings): string {
  const { token, projectId, apiSecret, region, apiUrl } = settings
  return [ingestionHost(region, apiUrl), token ?? projectId ?? apiSecret].join(' ')
}

function printTotal(
  output: CommandContext['output'],
  total: { readonly accepted: number; readonly rejected: number; readonly skipped: number },
  rejectsPath: string,
  seconds: number,
): void {
  const rejects = total.rejected > 0 && existsSync(rejectsPath) ? rejectsPath : null
  output.json({ ...total, rejects, seconds })
  const rate = Math.round(total.accepted / Math.max(seconds, 0.001))
  output.print(`${countsText(total)}, ${seconds.toFixed(1)} s, ${rate} events/s`)
  if (total.skipped > 0) output.print(`${total.skipped} events were imported before`)
  if (rejects !== null) output.print(`Rejected events and their reasons: ${rejects}`)
}
