import { existsSync } from 'node:fs'
import { copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Runs } from './figures.ts'
import { type DataSet, generate, ONE_DAY } from './generate.ts'
import { runInterleaved } from './interleaved.ts'
import { measure } from './measure.ts'
import { measureCommand } from './measure-command.ts'
import { backfillProgram } from './mixload-program.ts'
import type { OtherProgram } from './program.ts'
import { startServer } from './server-process.ts'
import { tableSize } from './table-size.ts'
import type { Subject } from './targets/target.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORK = join(ROOT, '.tmp/bench')

/** The data of the models: a month, and the night after it. */
export interface DbtSet {
  readonly name: string
  readonly month: DataSet
  readonly night: DataSet
}

export const DBT: DbtSet = {
  name: 'dbt',
  month: { ...ONE_DAY, name: 'million', events: 1_000_000, firstDay: '2024-03-01', days: 30 },
  night: { ...ONE_DAY, name: 'night', events: 30_000, firstDay: '2024-03-31', seed: 3 },
}

/**
 * Measures building and testing all models of the dbt package on DuckDB, and again after another
 * night.
 */
export async function runDbt(
  { name: caseName, month, night }: DbtSet,
  rounds: number,
  log: (text: string) => void,
): Promise<readonly Runs[]> {
  const program = join(ROOT, '.tmp/dbt/dbt')
  if (!existsSync(program)) throw new Error('dbt is not installed: run `make dbt`.')
  const directory = join(WORK, caseName)
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  log(`${caseName}: ${month.events.toLocaleString('en')} events, then ${night.events.toLocaleString('en')} of a night`)
  const loaded = join(directory, 'loaded.duckdb')
  const later = join(directory, 'later.duckdb')
  const database = join(directory, 'warehouse.duckdb')
  await writeProject(directory, database)
  const build: OtherProgram = {
    command: program,
    args: ['--quiet', '--no-use-colors', 'build'],
    cwd: directory,
    environment: { DBT_PROFILES_DIR: directory, HOME: directory, DO_NOT_TRACK: '1' },
  }
  await load(month, loaded)
  await copyFile(loaded, database)
  await measureCommand(build)
  await copyFile(database, later)
  await load(night, later)
  const subject = (name: string, from: string): Subject => ({
    name,
    prepare: () => copyFile(from, database),
    program: build,
    size: () => tableSize(database, 'analytics.events'),
  })
  const months = await runInterleaved(caseName, [subject('dbt build', loaded)], month.events, rounds, log)
  const rows = month.events + night.events
  const nights = await runInterleaved(caseName, [subject('dbt build, a night later', later)], rows, rounds, log)
  return [...months, ...nights]
}

async function load(set: DataSet, database: string): Promise<void> {
  const { directory, lastDay } = await generate(set, WORK)
  await using server = await startServer({ script: join(ROOT, 'bench/serve.ts'), args: [directory], cwd: WORK })
  const days = { firstDay: set.firstDay, lastDay }
  await measure(backfillProgram(WORK, server.url, days, `duckdb:${database}`))
}

/** Writes a dbt project with only the package, in the layout of `dbt deps`. */
async function writeProject(directory: string, database: string): Promise<void> {
  const output = { type: 'duckdb', path: database, schema: 'analytics', threads: 2 }
  const files = {
    'dbt_project.yml': { name: 'bench', profile: 'bench', version: '1.0.0' },
    'packages.yml': { packages: [{ local: join(ROOT, 'sql/dbt') }] },
    'profiles.yml': { bench: { target: 'here', outputs: { here: output } } },
  }
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), JSON.stringify(content))
  await mkdir(join(directory, 'dbt_packages'))
  await symlink(join(ROOT, 'sql/dbt'), join(directory, 'dbt_packages', 'mixload'))
}
