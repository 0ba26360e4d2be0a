import pino from 'pino'
import { MixloadError, messageOf, runFailure } from '../lib/core/errors.ts'
import type { LoadRecord } from '../lib/destination/contract.ts'
import type { ProgressEvent, SliceEvent } from '../lib/progress.ts'
import { type AnySlice, hasDays, rowsName, sliceName } from '../lib/slices.ts'
import { counted } from './counted.ts'
import { createDisplay } from './display.ts'
import { requestsInWords } from './progress-lines.ts'
import { RunProgress } from './run-progress.ts'
import { printJson, printLines, printMessage } from './terminal.ts'
import { textTable } from './text-table.ts'

/**
 * Results go to stdout, all else to stderr: a display on a terminal, else one JSON line per event.
 */
export interface Output {
  /** A result for people, line by line; nothing with `--json`. */
  print(...lines: readonly string[]): void
  /** A result for machines; nothing without `--json`. */
  json(value: object): void
  /** The summary of a run, at its end. */
  summary(headings: readonly string[], rows: readonly SummaryRow[]): void
  /** Says which settings file counts. */
  settingsRead(path: string): void
  /** Says what is about to be sent, and to which project. */
  sendingStarted(message: string): void
  onProgress(event: ProgressEvent): void
  fail(error: unknown): void
  /** Leaves the terminal as it was found. */
  end(): void
}

/** A row of a summary. */
export type SummaryRow = readonly (string | number)[]

export interface OutputOptions {
  readonly json: boolean
  readonly isTerminal: boolean
  /** The project of the settings file that it is about, if there are several. */
  readonly project?: string
}

/** The output for these flags and this terminal. */
export function createOutput({ json, isTerminal, project }: OutputOptions): Output {
  return {
    print(...lines) {
      if (!json) printLines(lines)
    },
    json(value) {
      if (json) printJson(project === undefined ? value : { project, ...value })
    },
    summary(headings, rows) {
      if (!json && rows.length > 0) printLines(['', ...textTable(headings, rows).split('\n')])
    },
    ...(isTerminal ? terminalEvents() : logEvents(project)),
  }
}

type Events = Pick<Output, 'settingsRead' | 'sendingStarted' | 'onProgress' | 'fail' | 'end'>

/** There are too many of these for a log, or to be drawn each time. */
const NOT_LOGGED: readonly ProgressEvent['kind'][] = [
  ...(['stream-ended', 'slice-requested', 'slice-progress', 'import-progress', 'day-tidied'] as const),
]

function logEvents(project: string | undefined): Events {
  const stderr = pino.destination({ dest: 2, sync: true })
  // Who reads the log may have gone; that does not end the run.
  stderr.on('error', () => {})
  const log = pino(
    { base: project === undefined ? null : { project }, timestamp: pino.stdTimeFunctions.isoTime },
    stderr,
  )
  return {
    settingsRead: (file) => log.info({ kind: 'settings-read', file }, settingsSentence(file)),
    sendingStarted: (message) => log.info({ kind: 'sending-started' }, message),
    onProgress(event) {
      if (NOT_LOGGED.includes(event.kind)) return
      const { level, message, ...fields } = logEntry(event)
      log[level]({ kind: event.kind, ...fields }, message)
    },
    fail(error) {
      log.error({ kind: 'failed', code: (error as Partial<MixloadError>).code }, failureText(error))
    },
    end() {},
  }
}

const settingsSentence = (path: string) => `Settings are read from ${path}.`

/** Reports what a command threw, or that it was interrupted. Returns the exit code. */
export function reportFailure(error: unknown, output: Pick<Output, 'fail'>, signal: AbortSignal): number {
  const failure = runFailure(error, signal)
  output.fail(failure)
  return failure instanceof MixloadError ? failure.exitCode : 1
}

function failureText(error: unknown): string {
  const mayPass = error instanceof MixloadError && error.retry
  return mayPass ? `${asSentence(messageOf(error))} Run again later; what is committed stays.` : messageOf(error)
}

/** Messages of drivers end without a full stop. */
function asSentence(text: string): string {
  return /[.!?)]$/.test(text) ? text : `${text}.`
}

function logEntry(event: ProgressEvent): { level: 'info' | 'warn'; message: string } & Record<string, unknown> {
  const slice = 'slice' in event ? sliceFields(event.slice) : {}
  const level = WARNINGS.includes(event.kind) ? 'warn' : 'info'
  return { level, message: sentence(event), ...slice, ...numbersOf(event) }
}

const WARNINGS: readonly ProgressEvent['kind'][] = [
  ...(['slice-split', 'slice-by-event', 'slice-skipped', 'slice-restarted'] as const),
  ...(['item-skipped', 'retry', 'warning'] as const),
]

function numbersOf(event: ProgressEvent): Record<string, unknown> {
  if (event.kind === 'columns-added') return { table: event.table, count: event.columns.length }
  if (event.kind !== 'slice-loaded') return {}
  const { table, undated, outside } = event
  const { rowCount: rows, rejectCount: rejects, loadId: load_id } = event.record
  return { table, rows, rejects, undated, outside, load_id }
}

/** A slice as fields of JSON results and of the log. */
export function sliceFields(slice: AnySlice) {
  if ('file' in slice) return { file: slice.file }
  return hasDays(slice) ? { first_day: slice.firstDay, last_day: slice.lastDay } : {}
}

const REDRAW_MS = 100

function terminalEvents(): Events {
  const display = createDisplay()
  const progress = new RunProgress(performance.now())
  let shownAt = 0
  const show = () => {
    shownAt = performance.now()
    display.show(progress.lines(shownAt))
  }
  return {
    settingsRead(path) {
      printMessage(settingsSentence(path))
    },
    sendingStarted: printMessage,
    onProgress(event) {
      const isProgress = progress.take(event, performance.now())
      if (!isProgress) {
        display.clear()
        printMessage(sentence(event))
      } else if (NOT_LOGGED.includes(event.kind) && performance.now() - shownAt < REDRAW_MS) return
      show()
    },
    fail(error) {
      display.clear()
      printMessage(failureText(error))
    },
    end() {
      display.clear()
      display.done()
    },
  }
}

const NAMES_SHOWN = 20

/** The first names, and how many more there are: a wide table has a thousand. */
function someNames(columns: readonly { readonly name: string }[]): string {
  const names = columns.slice(0, NAMES_SHOWN).map(({ name }) => name)
  const more = columns.length - names.length
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${more} more (see _mixload_columns)`
}

function sentence(event: ProgressEvent): string {
  switch (event.kind) {
    case 'run-planned':
      return `${event.stream}: ${counted(event.sliceCount, event.unit.slice(0, -1))} to load${requestsInWords(event.requestsLeft)}`
    case 'stream-ended':
      return `${event.stream}: no more to load`
    case 'item-skipped':
      return `${event.name} is skipped. ${event.error.message}`
    case 'columns-added':
      return `${event.table}: ${counted(event.columns.length, 'new column')}: ${someNames(event.columns)}`
    case 'retry':
      return `${asSentence(event.error.message)} Trying again in ${(event.delayMs / 1000).toFixed(1)} s.`
    case 'waiting-for-budget':
      return `The request budget is used up; the next request may go in ${Math.ceil(event.ms / 1000)} s.`
    case 'tidy-started':
      return `${event.table}: ${event.rows === 0 ? 'merging files' : `removing ${counted(event.rows, 'row')}`} of ${counted(event.days, 'day')}`
    case 'day-tidied':
      return `${event.table}: ${counted(event.rows, 'row')} removed`
    case 'import-progress':
      return `${event.events} events so far, ${event.rejected} refused`
    case 'warning':
      return event.message
    default:
      return `${rowsName('table' in event ? event.table : event.stream, event.slice)}: ${sliceSentence(event)}`
  }
}

function sliceSentence(event: SliceEvent): string {
  switch (event.kind) {
    case 'slice-started':
      return 'file' in event.slice ? 'reading' : 'downloading'
    case 'slice-requested':
      return 'requested'
    case 'slice-progress':
      return `${event.rows} rows so far`
    case 'slice-restarted':
      return `starting over. ${event.reason}`
    case 'slice-split':
      return `${event.reason} Requesting ${event.into.map(sliceName).join(' and ')} instead.`
    case 'slice-by-event':
      return `${event.reason} Requesting it event by event instead.`
    case 'slice-shortened':
      return `its last day is not over in the project; requesting less. ${event.reason}`
    case 'slice-loading':
      return `loading ${counted(event.rows, 'row')}`
    case 'slice-loaded':
      return loadedSentence(event)
    case 'slice-already-loaded':
      return 'already loaded'
    case 'slice-skipped': {
      const isKept = event.error.code === 'ROWS_WOULD_BE_LOST'
      const again = 'file' in event.slice || isKept ? '' : '; the next run requests it again'
      return `skipped${again}. ${event.error.message}`
    }
  }
}

/** How many of the rows that came for days are not loaded, because they were there. */
function rowsKnown({ selection, dayRows, rowCount }: LoadRecord): number {
  if (selection.kind !== 'complete' || dayRows === null) return 0
  return Object.values(dayRows).reduce((sum, rows) => sum + rows, 0) - rowCount
}

function loadedSentence({ slice, record, seconds, ...event }: Extract<SliceEvent, { kind: 'slice-loaded' }>): string {
  const expected = 'file' in slice ? 'the years 1 to 9999' : 'these days'
  const remarks = [
    ...(record.rejectCount > 0 ? [`${counted(record.rejectCount, 'line')} rejected`] : []),
    ...(event.undated > 0 ? [`${event.undated} without a usable time`] : []),
    ...(event.outside > 0 ? [`${event.outside} dated outside ${expected}`] : []),
  ]
  const known = rowsKnown(record)
  if (known > 0) remarks.unshift(`${known} were there already`)
  return [`${counted(record.rowCount, 'row')} loaded in ${seconds.toFixed(1)} s`, ...remarks].join(', ')
}
