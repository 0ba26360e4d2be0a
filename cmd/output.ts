import { createLogUpdate } from 'log-update'
import pino from 'pino'
import { MixloadError, messageOf } from '../lib/core/errors.ts'
import type { RunEvent } from '../lib/progress.ts'
import { type AnySlice, recordsName, sliceName } from '../lib/slices.ts'
import { Progress, requestsInWords } from './progress.ts'

/** Results go to stdout; everything else goes to stderr: a progress display on a terminal, else one JSON line an event. */
export interface Output {
  /** A result for people; nothing with `--json`. */
  print(text: string): void
  /** A result for machines; nothing without `--json`. */
  json(value: unknown): void
  tell(event: RunEvent): void
  fail(error: unknown): void
  /** Leaves the terminal as it was found. */
  end(): void
}

export interface OutputOptions {
  readonly json: boolean
  readonly isTerminal: boolean
}

/** An output as the flags and the terminal want it. */
export function createOutput({ json, isTerminal }: OutputOptions): Output {
  const events = isTerminal ? terminalEvents() : logEvents()
  return {
    print(text) {
      if (!json) process.stdout.write(`${text}\n`)
    },
    json(value) {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`)
    },
    ...events,
  }
}

type Events = Pick<Output, 'tell' | 'fail' | 'end'>

function logEvents(): Events {
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }))
  return {
    tell(event) {
      if (['slice-progress', 'records-progress', 'import-progress'].includes(event.kind)) return
      const { level, message, ...fields } = logEntry(event)
      log[level]({ kind: event.kind, ...fields }, message)
    },
    fail(error) {
      log.error({ kind: 'failed', code: (error as Partial<MixloadError>).code }, failureText(error))
    },
    end() {},
  }
}

/** What went wrong, and what to do where that is always the same: what has failed for now may pass. */
function failureText(error: unknown): string {
  const mayPass = error instanceof MixloadError && error.retry
  return mayPass ? `${asSentence(messageOf(error))} Run again later; what is committed stays.` : messageOf(error)
}

/** What a driver says has no full stop. */
function asSentence(text: string): string {
  return /[.!?)]$/.test(text) ? text : `${text}.`
}

function logEntry(event: RunEvent): { level: 'info' | 'warn'; message: string } & Record<string, unknown> {
  const slice = 'slice' in event ? sliceFields(event.slice) : {}
  const isWarning = [
    'slice-split',
    'slice-by-event',
    'slice-set-aside',
    'records-anew',
    'records-left-out',
    'retry',
    'warning',
    'rejects',
  ].includes(event.kind)
  const numbers =
    event.kind === 'slice-loaded'
      ? { rows: event.record.rowCount, rejects: event.record.rejectCount, load_id: event.record.loadId }
      : event.kind === 'columns-added'
        ? { table: event.table, count: event.columns.length }
        : {}
  return { level: isWarning ? 'warn' : 'info', message: sentence(event), ...slice, ...numbers }
}

function sliceFields(slice: AnySlice) {
  return 'file' in slice ? { file: slice.file } : { first_day: slice.firstDay, last_day: slice.lastDay }
}

const REDRAW_MS = 100

function terminalEvents(): Events {
  const display = createLogUpdate(process.stderr)
  let progress = new Progress(performance.now())
  let shownAt = 0
  const show = () => {
    shownAt = performance.now()
    display(progress.lines(shownAt).join('\n'))
  }
  return {
    tell(event) {
      if (event.kind === 'run-planned') progress = new Progress(performance.now())
      const isProgress = progress.take(event)
      if (!isProgress) {
        display.clear()
        process.stderr.write(`${sentence(event)}\n`)
      } else if (['slice-progress', 'import-progress'].includes(event.kind) && performance.now() - shownAt < REDRAW_MS)
        return
      show()
    },
    fail(error) {
      display.clear()
      process.stderr.write(`${failureText(error)}\n`)
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

/** An event in words. */
function sentence(event: RunEvent): string {
  switch (event.kind) {
    case 'run-planned':
      return `${event.stream}: ${event.sliceCount} ${event.unit} to load${requestsInWords(event.requestsLeft)}`
    case 'slice-started':
      return `${sliceName(event.slice)}: ${'file' in event.slice ? 'reading' : 'downloading'}`
    case 'slice-progress':
      return `${sliceName(event.slice)}: ${event.events} events so far`
    case 'slice-loading':
      return `${sliceName(event.slice)}: loading ${event.events} events`
    case 'slice-loaded':
      return `${sliceName(event.slice)}: ${event.record.rowCount} rows loaded in ${event.seconds.toFixed(1)} s`
    case 'slice-split':
      return `${sliceName(event.slice)}: ${event.reason} Asking for ${event.into.map(sliceName).join(' and ')} instead.`
    case 'slice-by-event':
      return `${sliceName(event.slice)}: ${event.reason} Asking event by event instead.`
    case 'slice-already-loaded':
      return `${sliceName(event.slice)}: already loaded, left out`
    case 'slice-clamped':
      return `${sliceName(event.slice)}: its last day is not over in the project; asking for less. ${event.reason}`
    case 'slice-set-aside':
      return 'file' in event.slice
        ? `${sliceName(event.slice)}: set aside. ${event.error.message}`
        : `${sliceName(event.slice)}: set aside, the next run will ask again. ${event.error.message}`
    case 'records-started':
      return `${recordsName(event.stream, event.days)}: asking`
    case 'records-progress':
      return `${recordsName(event.stream, event.days)}: ${event.records} records so far, ${event.requests} requests`
    case 'records-anew':
      return `${recordsName(event.stream, event.days)}: reading begins anew. ${event.reason}`
    case 'records-left-out':
      return `${event.name} is left out. ${event.error.message}`
    case 'records-loading':
      return `${recordsName(event.table, event.days)}: loading ${event.rows} rows`
    case 'records-loaded':
      return `${recordsName(event.table, event.days)}: ${event.record.rowCount} rows loaded in ${event.seconds.toFixed(1)} s`
    case 'columns-added':
      return `${event.table}: ${event.columns.length} new columns: ${someNames(event.columns)}`
    case 'retry':
      return `${asSentence(event.error.message)} Trying again in ${(event.delayMs / 1000).toFixed(1)} s.`
    case 'waiting-for-budget':
      return `The request budget is used up; the next request may go in ${Math.ceil(event.ms / 1000)} s.`
    case 'rejects':
      return `${sliceName(event.slice)}: ${event.count} lines set aside in _mixload_rejects`
    case 'dates':
      return (
        `${sliceName(event.slice)}: ${event.undated} events without a usable time, ${event.outside} dated outside ` +
        `${'file' in event.slice ? 'the years 1 to 9999' : 'these days'}; all are kept`
      )
    case 'import-progress':
      return `${event.events} events so far, ${event.rejected} refused`
    case 'warning':
      return event.message
  }
}
