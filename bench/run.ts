/**
 * `node bench/run.ts [--rounds N] [--only CASE]… [--large] [--json]`: measures how fast mixload
 * loads generated exports and profiles, compared with the destination's own reader, how fast it
 * sends events, and how fast it starts. `--large` adds cases with four times as much data. `--only
 * dbt`, which needs `make dbt`, builds the models of the dbt package on a million events, and again
 * after another night. `--only reports` runs funnels on five million events. Data and databases are
 * kept in .tmp/bench.
 */
import { parseArgs } from 'node:util'
import { runCase } from './case-runs.ts'
import { CASES, LARGE_CASE } from './cases.ts'
import { DBT, runDbt } from './dbt-runs.ts'
import type { Runs } from './figures.ts'
import { IMPORT, LARGE_IMPORT, runImport } from './import-runs.ts'
import { runProfiles } from './profile-runs.ts'
import { MANY_PROFILES, PROFILES } from './profiles.ts'
import { jsonReport, textReport } from './report.ts'
import { REPORTS, runReports } from './report-runs.ts'
import { runStart, START } from './start-runs.ts'

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
const names = [...CASES, PROFILES, IMPORT, START, DBT, REPORTS].map(({ name }) => name)
const unknown = values.only.find((name) => !names.includes(name))
if (unknown !== undefined) throw new Error(`--only must be one of ${names.join(', ')}, not ${unknown}`)

const isChosen = ({ name }: { readonly name: string }) => values.only.length === 0 || values.only.includes(name)
const log = (text: string) => process.stderr.write(`${text}\n`)
const runs: Runs[] = []
for (const loadCase of CASES.filter(isChosen)) runs.push(...(await runCase(loadCase, rounds, log)))
if (isChosen(PROFILES)) runs.push(...(await runProfiles(PROFILES, rounds, log)))
if (isChosen(IMPORT)) runs.push(...(await runImport(IMPORT, rounds, log)))
if (isChosen(START)) runs.push(...(await runStart(rounds, log)))
// Only by name, because it needs dbt.
if (values.only.includes(DBT.name)) runs.push(...(await runDbt(DBT, rounds, log)))
// Only by name, because five million events take a while to generate.
if (values.only.includes(REPORTS.name)) runs.push(...(await runReports(rounds, log)))
if (values.large) {
  if (values.only.length === 0 || values.only.includes('one-day'))
    runs.push(...(await runCase(LARGE_CASE, rounds, log)))
  if (isChosen(PROFILES)) runs.push(...(await runProfiles(MANY_PROFILES, rounds, log)))
  if (isChosen(IMPORT)) runs.push(...(await runImport(LARGE_IMPORT, rounds, log)))
}
const report = values.json ? jsonReport : textReport
process.stdout.write(`${report(runs, rounds)}\n`)
if (runs.some(({ failure }) => failure !== undefined)) process.exitCode = 1
