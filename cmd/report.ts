import type { Options } from 'yargs'
import { MixloadError } from '../lib/core/errors.ts'
import { didYouMean } from '../lib/core/nearest.ts'
import type { Report } from '../lib/reports/definition.ts'
import { REPORTS, type ReportName } from '../lib/reports/index.ts'
import { type ReportResult, type ReportValue, runReport } from '../lib/reports/run-report.ts'
import { SETTINGS } from '../lib/settings.ts'
import { barChart } from './bar-chart.ts'
import { type Command, textFlag } from './command.ts'
import { timezoneFlag, WAREHOUSE_SETTINGS } from './load-settings.ts'
import { textsOf } from './property-flags.ts'
import { sessionOf } from './session.ts'
import { terminalWidth } from './terminal.ts'
import { textTable } from './text-table.ts'

const NAMES = Object.keys(REPORTS) as ReportName[]

/** `mixload report NAME`: runs a report on the events of the warehouse. */
export const command: Command = {
  settings: [...WAREHOUSE_SETTINGS, 'timezone', 'from', 'to'],
  options: {
    ...timezoneFlag('that of the last load'),
    from: textFlag(SETTINGS.from.describe, { defaultDescription: '30 days before the last' }),
    ...Object.assign({}, ...Object.values(REPORTS).map(flagsOf)),
    hidden: textFlag('Event that is hidden in reports; can be repeated'),
    format: textFlag('Form of the result', { choices: ['table', 'csv', 'chart'], defaultDescription: 'table' }),
    sql: { type: 'boolean', default: false, describe: 'Print the query instead of running it' },
  },
  oneProject: true,
  words: {
    usage: 'NAME [flags]',
    describe: NAMES.map((name) => `${name}: ${REPORTS[name].describe}`).join('\n'),
    missing: `Name the report: ${NAMES.join(', ')}.`,
  },
  async run(context) {
    const { flags, words, output } = context
    const name = reportNamed(words)
    const onlySql = flags.sql === true
    const result = await runReport(sessionOf(context), name, optionsOf(name, flags), {
      hidden: textsOf(flags.hidden),
      onlySql,
    })
    output.json(onlySql ? { sql: result.sql } : { report: name, rows: result.rows })
    output.print(...(onlySql ? result.sql.split('\n') : shown(result, REPORTS[name], flags.format)))
    return 0
  },
}

function reportNamed(words: readonly string[]): ReportName {
  const [word = '', ...others] = words
  const name = NAMES.find((known) => known === word)
  if (name === undefined) {
    const message = `There is no report ${word}.${didYouMean(word, NAMES)} Reports: ${NAMES.join(', ')}.`
    throw new MixloadError('CONFIG_INVALID', message)
  }
  if (others.length > 0) throw new MixloadError('CONFIG_INVALID', `${others.join(' ')} is not expected here.`)
  return name
}

/** The name of an option as a flag: `sessionMinutes` is `session-minutes`. */
function flagName(option: string, flag: string | undefined): string {
  return flag ?? option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function flagsOf({ options }: Report): Readonly<Record<string, Options>> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { flag, form, describe, default: defaultDescription }]) => [
      flagName(name, flag),
      form === 'switch'
        ? ({ type: 'boolean', describe, defaultDescription: 'false' } as const)
        : textFlag(describe, defaultDescription === undefined ? {} : { defaultDescription }),
    ]),
  )
}

/**
 * The options that the flags give.
 * @throws MixloadError CONFIG_INVALID for another report's flag.
 */
function optionsOf(report: ReportName, flags: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const own: Report = REPORTS[report]
  const ownFlags = new Set(Object.entries(own.options).map(([name, { flag }]) => flagName(name, flag)))
  for (const flag of NAMES.flatMap((name) => Object.keys(flagsOf(REPORTS[name])))) {
    if (flags[flag] !== undefined && !ownFlags.has(flag)) {
      throw new MixloadError('CONFIG_INVALID', `The report ${report} has no flag --${flag}.`)
    }
  }
  return Object.fromEntries(
    Object.entries(own.options).map(([name, { flag, form }]) => {
      const value = flags[flagName(name, flag)]
      return [name, form === 'list' && value !== undefined ? textsOf(value) : value]
    }),
  )
}

function shown({ columns, rows }: ReportResult, { chart }: Report, format: unknown): readonly string[] {
  if (format === 'csv') {
    // A cell can have several lines.
    return [columns, ...rows.map((row) => columns.map((column) => row[column] ?? null))].flatMap((cells) =>
      cells.map(csvCell).join(',').split('\n'),
    )
  }
  if (format === 'chart') {
    const bars = rows.map((row) => ({
      label: chart.labels.map((column) => row[column]).join('  '),
      value: Number(row[chart.value]),
    }))
    return barChart(bars, terminalWidth() ?? 100)
  }
  return textTable(
    columns.map((column) => column.replaceAll('_', ' ')),
    rows.map((row) => columns.map((column) => tableCell(row[column] ?? null))),
  ).split('\n')
}

function csvCell(value: ReportValue): string {
  const text = value === null ? '' : String(value)
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Four digits after the point are enough to read. */
function tableCell(value: ReportValue): string | number {
  if (value === null) return '–'
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(4) : String(value)
}
