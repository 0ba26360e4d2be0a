/**
 * `node bench/run.ts [--rounds N] [--only CASE]… [--large] [--json]`: how fast mixload loads made-up exports and profiles,
 * beside what DuckDB's own reader takes for the same files, and how fast it sends events. `--large` adds four times as
 * much of one day's events, of profiles and of what is sent. `--only dbt`, which needs `make dbt`, builds the models of the
 * dbt package on a million events, and again after a night. Data and databases are kept in .tmp/bench.
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
const names = [...CASES, PROFILES, IMPORT, DBT].map(({ name }) => name)
const unknown = values.only.find((name) => !names.includes(name))
if (unknown !== undefined) throw new Error(`--only must be one of ${names.join(', ')}, not ${unknown}`)

const isChosen = ({ name }: { readonly name: string }) => values.only.length === 0 || values.only.includes(name)
const tell = (text: string) => process.stderr.write(`${text}\n`)
const runs: Runs[] = []
for (const one of CASES.filter(isChosen)) runs.push(...(await runCase(one, rounds, tell)))
if (isChosen(PROFILES)) runs.push(...(await runProfiles(PROFILES, rounds, tell)))
if (isChosen(IMPORT)) runs.push(...(await runImport(IMPORT, rounds, tell)))
// By name only: it needs dbt.
if (values.only.includes(DBT.name)) runs.push(...(await runDbt(DBT, rounds, tell)))
if (values.large) {
  if (values.only.length === 0 || values.only.includes('one-day'))
    runs.push(...(await runCase(LARGE_CASE, rounds, tell)))
  if (isChosen(PROFILES)) runs.push(...(await runProfiles(MANY_PROFILES, rounds, tell)))
  if (isChosen(IMPORT)) runs.push(...(await runImport(LARGE_IMPORT, rounds, tell)))
}
const report = values.json ? jsonReport : textReport
process.stdout.write(`${report(runs, rounds)}\n`)
if (runs.some(({ failure }) => failure !== undefined)) process.exitCode = 1
