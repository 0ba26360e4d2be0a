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
  'columns',
]

const BIGQUERY_NOTE =
  'BigQuery’s emulator takes its part of these cores, for both that are compared; the real one takes none. In ' +
  'bigquery-100mbit all goes to it through a link of 100 Mbit/s.'

/** One table of all figures: medians, with the least and the greatest in brackets. */
export function textReport(runs: readonly Runs[], rounds: number): string {
  const figures = figuresOf(runs)
  const { cores, model, memoryGigabytes, node, duckdb } = machine()
  const rows = figures.map((one) => [
    one.case,
    one.subject,
    Math.round(one.rowsPerSecond).toLocaleString('en'),
    spreadText(one.wallSeconds, 2),
    one.loadSeconds === undefined ? '–' : spreadText(one.loadSeconds, 2),
    spreadText(one.cpuSeconds, 1),
    spreadText(one.peakRssMegabytes, 0),
    ratioText(one.timeToA),
    ratioText(one.timeToB),
    ratioText(one.loadToA),
    String(one.columns),
  ])
  return [
    `${cores} cores of ${model}, ${memoryGigabytes} GB, Node ${node}, DuckDB ${duckdb}; median of ${rounds} rounds (least–greatest)`,
    '',
    textTable(HEADINGS, rows),
    '',
    ...failuresOf(runs).map((failure) => `Failed: ${failure}`),
    ...memoryGrowth(figures).map(
      ({ case: large, subject, ratio }) =>
        `Peak RSS of four times as much, ${large}, ${subject}: ${ratio.toFixed(2)} times as much`,
    ),
    `A and B are what the destination itself takes for the same data, made ready: see bench/places. mixload gets it over HTTP. Below 1, mixload takes less time.`,
    `load s is the destination’s own part of mixload’s time: from the end of the download to the commit.`,
    ...(figures.some((one) => one.case.startsWith('bigquery')) ? [BIGQUERY_NOTE] : []),
  ].join('\n')
}

/** All figures as JSON. */
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

/** Cases, by those that are four times as large. */
const USUAL: Readonly<Record<string, string>> = { large: 'one-day', 'engage-large': 'engage' }

/** Peak memory for a large case over that for the usual one, where both were measured. */
function memoryGrowth(
  figures: readonly Figures[],
): readonly { readonly case: string; readonly subject: string; readonly ratio: number }[] {
  return figures.flatMap(({ case: large, subject, peakRssMegabytes }) => {
    const usual = figures.find((one) => one.case === USUAL[large] && one.subject === subject)
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
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`
}

function ratioText(ratio: number | undefined): string {
  return ratio === undefined ? '–' : ratio.toFixed(2)
}
