import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import envPaths from 'env-paths'
import { isFailure, MixloadError } from '../lib/core/errors.ts'
import { InputFile, sizeOf } from '../lib/decompress/input-file.ts'
import type { IngestClient } from '../lib/ingest/client.ts'
import { LineNumbers } from '../lib/ingest/line-numbers.ts'
import { Replay } from '../lib/ingest/replayed-event.ts'
import type { IngestEvent, Report } from '../lib/ingest/report.ts'
import { eventTexts, FORMATS, type Format, formatOf } from '../lib/ingest/sources.ts'
import { ingestionHost } from '../lib/mixpanel/regions.ts'
import type { Settings } from '../lib/settings.ts'
import { STANDARD_INPUT } from '../lib/slices.ts'
import type { Command, CommandContext } from './command.ts'
import { RejectsFile } from './import-rejects.ts'
import { ImportResume } from './import-resume.ts'
import { countsOf, INGEST_SETTINGS, ingestClient } from './ingest-client.ts'

const REJECTS = 'mixload-rejects.ndjson'

/** What takes a file that had to be unpacked first. */
const FROM_PIPE = 'mixload import -'

/** `mixload import FILE…` or `--query`: events of any age, from files or from the warehouse. */
export const command: Command = {
  settings: [
    ...INGEST_SETTINGS,
    'projectId',
    'destination',
    'schema',
    'bigqueryEndpoint',
    'memoryLimit',
    'spoolDir',
    'stateDir',
  ],
  options: {
    query: {
      type: 'string',
      requiresArg: true,
      describe: 'Import what this query on the warehouse gives: rows of export or its views, as events again',
    },
    format: {
      type: 'string',
      requiresArg: true,
      choices: FORMATS,
      describe: 'What the files hold',
      defaultDescription: 'csv for names that end in .csv, else ndjson',
    },
    rejects: {
      type: 'string',
      requiresArg: true,
      default: REJECTS,
      describe: 'File that takes the events that are refused, with the reason of each',
    },
    resume: {
      type: 'boolean',
      default: true,
      describe: 'Go on where an import of the same file was killed; --no-resume begins anew',
    },
  },
  words: {
    usage: '[FILE...]',
    describe:
      'Each FILE holds an event a line, {"event":…,"properties":{"time":…,…}}, or CSV with a header; also as gzip or\n' +
      'zstd; - is standard input.',
  },
  async run(context) {
    const { flags, words: files, output, signal } = context
    const query = flags.query as string | undefined
    if ((query === undefined) === (files.length === 0)) {
      throw new MixloadError('CONFIG_INVALID', 'Name files to import, or - for standard input, or give one --query.')
    }
    const started = performance.now()
    const total = { accepted: 0, rejected: 0, skipped: 0 }
    const rejects = new RejectsFile(flags.rejects as string)
    const listener = new ImportListener(context, rejects, started)
    await using client = ingestClient(context, listener.take, true)
    try {
      for (const source of query === undefined ? files : [query]) {
        const reading = listener.begin(source)
        const add = ({ accepted, rejected }: Report, skipped: number) => {
          total.accepted += accepted
          total.rejected += rejected
          total.skipped += skipped
        }
        if (query !== undefined) add(await importQuery(context, client, listener, query, reading), 0)
        else await importFile(context, client, listener, source, reading, add)
        signal.throwIfAborted()
      }
    } finally {
      output.end()
      await rejects.end()
    }
    const seconds = (performance.now() - started) / 1000
    report(output, total, rejects.path, seconds)
    return total.rejected > 0 ? 3 : 0
  },
}

/** Passes on what happens in an import: refusals to their file, the rest to people. */
class ImportListener {
  readonly #context: CommandContext
  readonly #rejects: RejectsFile
  readonly #started: number
  #source = ''
  #offset = 0
  #numbers: LineNumbers | undefined
  #stop = new AbortController()
  #before = 0
  #rejected = 0

  constructor(context: CommandContext, rejects: RejectsFile, started: number) {
    this.#context = context
    this.#rejects = rejects
    this.#started = started
  }

  /** Begins a file or a query; events are read from it for as long as the signal says. */
  begin(source: string): AbortSignal {
    this.#source = source
    this.#offset = 0
    this.#numbers = undefined
    this.#stop = new AbortController()
    return AbortSignal.any([this.#context.signal, this.#stop.signal])
  }

  /** Events of the file that are not sent again, and where the others stand in it. */
  skip(count: number, numbers: LineNumbers): void {
    this.#offset = count
    this.#numbers = numbers
  }

  /** Ends the reading: a file that is half read, a terminal or a pipe would keep the process. */
  end(): void {
    this.#stop.abort()
  }

  readonly take = (event: IngestEvent): void => {
    const { output } = this.#context
    if (event.kind === 'retry') output.tell({ kind: 'retry', error: event.error, delayMs: event.delayMs })
    else if (event.kind === 'rejected') {
      this.#rejected++
      const number = this.#offset + event.rejection.index
      const place = { source: this.#source, number: number + 1, line: this.#numbers?.lineOf(number) }
      this.#rejects.add(place, event.rejection)
    } else this.#stop.abort()
  }

  progress(through: number): void {
    const seconds = (performance.now() - this.#started) / 1000
    const events = this.#before + through
    this.#context.output.tell({ kind: 'import-progress', events, rejected: this.#rejected, seconds })
  }

  ended(events: number): void {
    this.#before += events
  }
}

async function importFile(
  { settings, flags, output, signal }: CommandContext,
  client: IngestClient,
  listener: ImportListener,
  file: string,
  reading: AbortSignal,
  add: (report: Report, skipped: number) => void,
): Promise<void> {
  const isPipe = file === STANDARD_INPUT
  try {
    const canResume = !isPipe && (await sizeOf(file)) !== undefined
    const resume = canResume ? await ImportResume.open(stateDirectory(settings), file, projectOf(settings)) : undefined
    const skipped = flags.resume === true ? (resume?.through ?? 0) : 0
    if (skipped > 0) {
      output.tell({
        kind: 'warning',
        message: `${file}: ${skipped} events were imported before; going on behind them.`,
      })
    }
    const numbers = new LineNumbers()
    listener.skip(skipped, numbers)
    const input = isPipe
      ? new InputFile(process.stdin, reading, FROM_PIPE)
      : InputFile.fromPath(file, reading, FROM_PIPE)
    const format = (flags.format as Format | undefined) ?? formatOf(file)
    let isThrough = false
    try {
      const report = await client.import(without(skipped, eventTexts(input, format, numbers)), {
        signal,
        onProgress(through) {
          resume?.note(skipped + through)
          numbers.forget(skipped + through)
          listener.progress(through)
        },
      })
      isThrough = true
      listener.ended(report.accepted + report.rejected)
      add(report, skipped)
    } finally {
      listener.end()
      await resume?.end(isThrough)
    }
  } catch (error) {
    if (!isFailure(error, 'FILE_REFUSED', 'BODY_UNREADABLE', 'BODY_TRUNCATED')) throw error
    throw new MixloadError(error.code, `${file}: ${error.message}`, { cause: error })
  }
}

async function* without(
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
  listener: ImportListener,
  sql: string,
  reading: AbortSignal,
): Promise<Report> {
  const { settings, output, signal } = context
  // Files need no database.
  const { openWarehouse } = await import('./session.ts')
  await using warehouse = await openWarehouse(settings, output.tell, signal)
  const { destination } = warehouse
  await destination.openToRead(signal)
  const replay = new Replay(await destination.columns('export'))
  // What is read waits here until it is sent, and then the query waits.
  const rows = new PassThrough({ objectMode: true, highWaterMark: 5000 })
  const take = async (texts: readonly string[]) => {
    let hasRoom = true
    for (const text of texts) hasRoom = rows.write(text)
    if (!hasRoom) await once(rows, 'drain', { signal: reading })
  }
  const asked = destination.query(sql, take, reading).then(
    () => void rows.end(),
    (error: Error) => void rows.destroy(error),
  )
  const events = async function* () {
    for await (const row of rows as AsyncIterable<string>) yield replay.event(row)
  }
  try {
    return await client.import(events(), { signal, onProgress: (through) => listener.progress(through) })
  } finally {
    listener.end()
    await asked
  }
}

/** Of what tells projects and servers apart, nothing is kept but a hash. */
function projectOf(settings: Settings): string {
  const { token, projectId, apiSecret, region, apiUrl } = settings
  return [ingestionHost(region, apiUrl), token ?? projectId ?? apiSecret].join(' ')
}

function stateDirectory(settings: Settings): string {
  return settings.stateDir ?? envPaths('mixload', { suffix: '' }).log
}

function report(
  output: CommandContext['output'],
  total: { readonly accepted: number; readonly rejected: number; readonly skipped: number },
  rejectsPath: string,
  seconds: number,
): void {
  const rejects = total.rejected > 0 && existsSync(rejectsPath) ? rejectsPath : null
  output.json({ ...total, rejects, seconds })
  const rate = Math.round(total.accepted / Math.max(seconds, 0.001))
  output.print(`${countsOf(total)}, ${seconds.toFixed(1)} s, ${rate} events/s`)
  if (total.skipped > 0) output.print(`${total.skipped} events had been imported before`)
  if (rejects !== null) output.print(`Refused events and the reason of each: ${rejects}`)
}
