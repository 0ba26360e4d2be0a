import { availableParallelism, cpus, totalmem } from 'node:os'
import { version as duckdbVersion } from '@duckdb/node-api'
import { textTable } from '../cmd/text-table.ts'
import { type Figures, failuresOf, figuresOf, type Runs, type Spread } from './figures.ts'

const HEADINGS = [
  'case',
  'what',
  'rows/s',
  'wall s',
  'load s',
  'CPU s',
  'peak RSS MB',
  'time to A',
  'time to B',
  'load to A',
  'RSS to A',
  'columns',
]

const BIGQUERY_NOTE =
  'BigQuery’s emulator runs on the same cores, for both that are compared. In bigquery-100mbit, everything is sent ' +
  'to it through a link of 100 Mbit/s.'

const START_NOTE =
  'The case import has the time and the growth of memory of the import alone, without the start of Node.'

/** Returns a table of all figures: medians, with the smallest and the largest in parentheses. */
export function textReport(runs: readonly Runs[], rounds: number): string {
  const figures = figuresOf(runs)
  const { cores, model, memoryGigabytes, node, duckdb } = machine()
  const rows = figures.map((figure) => [
    figure.case,
    figure.subject,
    Math.round(figure.rowsPerSecond).toLocaleString('en'),
    spreadText(figure.wallSeconds, 2),
    figure.loadSeconds === undefined ? '–' : spreadText(figure.loadSeconds, 2),
    spreadText(figure.cpuSeconds, 1),
    spreadText(figure.peakRssMegabytes, 0),
    ratioText(figure.timeToA),
    ratioText(figure.timeToB),
    ratioText(figure.loadToA),
    ratioText(figure.memoryToA),
    String(figure.columns),
  ])
  return [
    `${cores} cores of ${model}, ${memoryGigabytes} GB, Node ${node}, DuckDB ${duckdb}; median of ${rounds} rounds (min–max)`,
    '',
    textTable(HEADINGS, rows),
    '',
    ...failuresOf(runs).map((failure) => `Failed: ${failure}`),
    ...memoryGrowth(figures).map(
      ({ case: large, subject, ratio }) =>
        `Peak RSS with four times as much data, ${large}, ${subject}: ${ratio.toFixed(2)} times as much`,
    ),
    'A and B load the same data with the destination’s own reader, from local files: see bench/targets. mixload gets it over HTTP. Below 1, mixload needs less.',
    'load s is the destination’s part of mixload’s time: from the end of the download to the commit.',
    ...(figures.some((figure) => figure.case.startsWith('bigquery')) ? [BIGQUERY_NOTE] : []),
    ...(figures.some((figure) => figure.case === 'import') ? [START_NOTE] : []),
  ].join('\n')
}

/** Returns all figures as JSON. */
export function jsonReport(runs: readonly Runs[], rounds: number): string {
  const figures = figuresOf(runs)
  const report = {
    machine: machine(),
    rounds,
    figures,
    failures: failuresOf(runs),
    memoryGrowth: memoryGrowth(figures),
  }
  return JSON.stringify(report, null, 2)
}

/** The cases by the name of those with four times as much data. */
const USUAL: Readonly<Record<string, string>> = { large: 'one-day', 'engage-large': 'engage' }

/** Returns the peak memory of each large case divided by that of the usual case. */
function memoryGrowth(
  figures: readonly Figures[],
): readonly { readonly case: string; readonly subject: string; readonly ratio: number }[] {
  return figures.flatMap(({ case: large, subject, peakRssMegabytes }) => {
    const usual = figures.find((figure) => figure.case === USUAL[large] && figure.subject === subject)
    if (usual === undefined) return []
    return [{ case: large, subject, ratio: peakRssMegabytes.median / usual.peakRssMegabytes.median }]
  })
}

function machine() {
  return {
    cores: availableParallelism(),
    model: cpus()[0]?.model ?? 'unknown',
    memoryGigabytes: Math.round(totalmem() / 1e9),
    node: process.versions.node,
    duckdb: duckdbVersion(),
  }
}

function spreadText({ median, min, max }: Spread, digits: number): string {
  return Number.isNaN(median) ? '–' : `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`
}

function ratioText(ratio: number | undefined): string {
  return ratio === undefined || Number.isNaN(ratio) ? '–' : ratio.toFixed(2)
}
