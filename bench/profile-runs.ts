import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { profilesSql, typedProfilesSql } from './baseline-sql.ts'
import type { Runs } from './figures.ts'
import { runInterleaved } from './interleaved.ts'
import { mixloadProgram } from './mixload-program.ts'
import { type ProfileSet, profilePages } from './profiles.ts'
import { startServer } from './server-process.ts'
import { tableSize } from './table-size.ts'
import type { Subject } from './targets/target.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORK = join(ROOT, '.tmp/bench')

/** Measures loading profiles into DuckDB, compared with DuckDB's own reader for the same pages. */
export async function runProfiles(
  set: ProfileSet,
  rounds: number,
  log: (text: string) => void,
): Promise<readonly Runs[]> {
  const directory = join(WORK, set.name)
  await mkdir(directory, { recursive: true })
  log(`${set.name}: ${set.profiles.toLocaleString('en')} profiles`)
  const files = await profilePages(set, WORK)
  await using server = await startServer({ script: join(ROOT, 'bench/serve-pages.ts'), args: files, cwd: WORK })
  const database = join(directory, 'load.duckdb')
  const prepare = async () => {
    for (const suffix of ['', '.wal', '.tmp']) await rm(database + suffix, { recursive: true, force: true })
  }
  const mixload: Subject = {
    name: 'mixload',
    prepare,
    program: mixloadProgram(WORK, server.url, ['sync', '--streams', 'engage', '--destination', `duckdb:${database}`]),
    size: () => tableSize(database, 'mixpanel.engage'),
  }
  const baseline = (name: string, select: string): Subject => ({
    name,
    prepare,
    program: {
      script: join(ROOT, 'bench/baseline.ts'),
      args: [database, `CREATE TABLE t AS ${select}`],
      cwd: directory,
    },
    size: () => tableSize(database, 't'),
  })
  const subjects = [
    mixload,
    baseline('A: DuckDB detects the columns', profilesSql(files)),
    baseline('B: DuckDB with given columns', await typedProfilesSql(files)),
  ]
  const runs = await runInterleaved(set.name, subjects, set.profiles, rounds, log)
  await prepare()
  return runs
}
