/**
 * `node bench/run.ts [--rounds N] [--only CASE]… [--large] [--json]`: how fast mixload loads made-up exports, beside what
 * DuckDB's own reader takes for the same files. Data and databases are kept in .tmp/bench.
 */
import { parseArgs } from 'node:util'
import { runCase } from './case-runs.ts'
import { CASES, LARGE_CASE } from './cases.ts'
import type { Runs } from './figures.ts'
import { jsonReport, textReport } from './report.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true, default: [] },
    large: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds must be 1 or more, not ${values.rounds}`)
const names = CASES.map(({ name }) => name)
const unknown = values.only.find((name) => !names.includes(name))
if (unknown !== undefined) throw new Error(`--only must be one of ${names.join(', ')}, not ${unknown}`)

const chosen = CASES.filter(({ name }) => values.only.length === 0 || values.only.includes(name))
const runs: Runs[] = []
for (const one of values.large ? [...chosen, LARGE_CASE] : chosen) {
  runs.push(...(await runCase(one, rounds, (text) => process.stderr.write(`${text}\n`))))
}
const report = values.json ? jsonReport : textReport
process.stdout.write(`${report(runs, rounds)}\n`)
if (runs.some(({ failure }) => failure !== undefined)) process.exitCode = 1
