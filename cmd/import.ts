import { existsSync } from 'node:fs'
import { MixloadError } from '../lib/core/errors.ts'
import { MAY_MOVE, TIME_DOUBTS } from '../lib/ingest/doubtful-times.ts'
import { EVENT_FILE_FORMATS } from '../lib/ingest/event-files.ts'
import { flagOf, type SettingName } from '../lib/settings.ts'
import { STANDARD_INPUT } from '../lib/slices.ts'
import { type Command, type CommandContext, textFlag } from './command.ts'
import { asksFirst, assertMeant, CONSENT_OPTIONS, isWanted } from './consent.ts'
import { counted } from './counted.ts'
import { type EventPlace, RejectsFile } from './import-rejects.ts'
import { ImportRun, type ImportRunOptions } from './import-run.ts'
import { countsText, INGEST_SETTINGS } from './ingest-client.ts'
import { WAREHOUSE_SETTINGS } from './load-settings.ts'
import { recipientOf } from './recipient.ts'

const REJECTS_FILE = 'mixload-rejects.ndjson'

/** A dry run shows so many rejected events. */
const REJECTS_SHOWN = 10

/** More files are not named but counted. */
const FILES_NAMED = 3

/** `mixload import FILE…` or `--query`: imports events of any age, from files or the warehouse. */
export const command: Command = {
  oneProject: true,
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
    ...CONSENT_OPTIONS,
  },
  words: {
    usage: '[FILE...]',
    describe:
      'Each FILE has one event per line, {"event":…,"properties":{"time":…,…}}, or is CSV with a header. It may be\n' +
      'compressed with gzip or zstd. Use - for standard input.',
  },
  async run(context) {
    const { flags, words: files, output, settings } = context
    const query = flags.query as string | undefined
    if ((query === undefined) === (files.length === 0)) {
      throw new MixloadError('CONFIG_INVALID', 'Name files to import, or - for standard input, or use --query.')
    }
    assertNothingIgnored(context)
    const recipient = recipientOf(settings, true)
    const sources = query === undefined ? filesText(files) : 'the query'
    if (flags['dry-run'] === true) {
      const shown = showRejects(output)
      const checked = await importAll(context, { recipient, dryRun: true, rejects: shown })
      printChecked(output, checked, recipient.name)
      return checked.total.rejected > 0 ? 3 : 0
    }
    if (asksFirst(context, files.includes(STANDARD_INPUT))) {
      // What is wrong with the events is reported once, when they are sent.
      const quiet: typeof output = {
        ...output,
        onProgress: (event) => event.kind === 'import-progress' && output.onProgress(event),
      }
      const { total } = await importAll(
        { ...context, output: quiet },
        { recipient, dryRun: true, rejects: { add() {} } },
      )
      const isSent = total.accepted === 0 || (await isWanted(context, `${checkedText(total)} of ${sources}`, recipient))
      if (!isSent) return 1
    } else {
      assertMeant(context, recipient)
      output.sendingStarted(`Sending the events of ${sources} to ${recipient.name}.`)
    }
    const started = performance.now()
    const rejects = new RejectsFile(flags.rejects as string)
    const run = await importAll(context, { recipient, dryRun: false, rejects }).finally(() => rejects.end())
    printTotal(output, run.total, rejects.path, (performance.now() - started) / 1000, run.doubts)
    return run.total.rejected > 0 ? 3 : 0
  },
}

async function importAll(context: CommandContext, options: ImportRunOptions): Promise<ImportRun> {
  const { words: files, flags, output } = context
  const query = flags.query as string | undefined
  await using run = new ImportRun(context, options)
  try {
    for (const file of files) await run.importFile(file)
    if (query !== undefined) await run.importQuery(query)
  } finally {
    output.end()
  }
  return run
}

/** @throws MixloadError CONFIG_INVALID if a flag is given that has no effect. */
function assertNothingIgnored({ flags, words: files, settings }: CommandContext): void {
  const given = (names: readonly SettingName[]) => names.find((name) => flags[name] !== undefined)
  const refuse = (flag: string, reason: string) => {
    throw new MixloadError('CONFIG_INVALID', `${flag} has no effect here: ${reason}`)
  }
  if (flags.query === undefined) {
    const ofWarehouse = given(WAREHOUSE_SETTINGS.filter((name) => name !== 'allowHttp'))
    if (ofWarehouse !== undefined) {
      refuse(
        flagOf(ofWarehouse),
        'mixload import sends files to Mixpanel, where they cannot be unsent. To load them into a warehouse, run mixload load. To send rows of a warehouse, use --query.',
      )
    }
  } else if (flags.format !== undefined) refuse('--format', 'a query has no format.')
  const isRemembered = files.some((file) => file !== STANDARD_INPUT)
  if (!isRemembered && given(['stateDir'])) refuse('--state-dir', 'only an import of files is remembered.')
  if (settings.token !== undefined && given(['projectId'])) {
    refuse(
      '--project-id',
      'the project token decides the project. Unset MIXPANEL_TOKEN to send with a service account.',
    )
  }
}

function filesText(files: readonly string[]): string {
  const names = files.map((file) => (file === STANDARD_INPUT ? 'standard input' : file))
  return files.length > FILES_NAMED ? counted(files.length, 'file') : names.join(', ')
}

/** Shows the first rejected events instead of writing a file. */
function showRejects(output: CommandContext['output']): Pick<RejectsFile, 'add'> {
  let shown = 0
  return {
    add({ source, number, line }: EventPlace, { reason }) {
      if (shown++ >= REJECTS_SHOWN) return
      const place = line === undefined ? `event ${number}` : `line ${line}`
      output.onProgress({ kind: 'warning', message: `${source}: ${place} would be rejected: ${reason}` })
    },
  }
}

/** How many events can be sent, and how many cannot or were sent before. */
function checkedText({ accepted, rejected, skipped }: ImportRun['total']): string {
  const remarks = [
    ...(rejected > 0 ? [`${rejected} more are not valid`] : []),
    ...(skipped > 0 ? [`${skipped} were imported before`] : []),
  ]
  return `${counted(accepted, 'event')}${remarks.length === 0 ? '' : ` (${remarks.join(', ')})`}`
}

function printChecked(output: CommandContext['output'], { total, doubts }: ImportRun, to: string): void {
  const { accepted: events, rejected, skipped } = total
  output.json({ dry_run: true, to, events, rejected, skipped, doubtful_times: Object.fromEntries(doubts) })
  output.print(`Would send ${checkedText(total)} to ${to}. Nothing was sent.`)
  for (const [doubt, count] of doubts) output.print(`Times that are ${TIME_DOUBTS[doubt]}: ${count}. ${MAY_MOVE}`)
}

function printTotal(
  output: CommandContext['output'],
  total: ImportRun['total'],
  rejectsPath: string,
  seconds: number,
  doubts: ImportRun['doubts'],
): void {
  const doubtful = Object.fromEntries(doubts)
  const rejects = total.rejected > 0 && existsSync(rejectsPath) ? rejectsPath : null
  output.json({ ...total, rejects, doubtful_times: doubtful, seconds })
  const rate = Math.round(total.accepted / Math.max(seconds, 0.001))
  output.print(`${countsText(total)}, ${seconds.toFixed(1)} s, ${rate} events/s`)
  for (const [doubt, count] of doubts) output.print(`Times that are ${TIME_DOUBTS[doubt]}: ${count}. ${MAY_MOVE}`)
  if (total.skipped > 0) output.print(`${total.skipped} events were imported before`)
  if (rejects !== null) output.print(`Rejected events and their reasons: ${rejects}`)
}
