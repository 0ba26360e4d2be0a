import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { profilesSql, toldProfilesSql } from './baseline-sql.ts'
import type { Runs } from './figures.ts'
import { mixloadProgram } from './mixload-program.ts'
import type { Subject } from './places/place.ts'
import { type ProfileSet, profilePages } from './profiles.ts'
import { startServer } from './server-process.ts'
import { tableFacts } from './table-facts.ts'
import { runInTurns } from './turns.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORK = join(ROOT, '.tmp/bench')

/** Loads profiles into DuckDB, beside what DuckDB's own reader takes for the same pages. */
export async function runProfiles(
  set: ProfileSet,
  rounds: number,
  tell: (text: string) => void,
): Promise<readonly Runs[]> {
  const directory = join(WORK, set.name)
  await mkdir(directory, { recursive: true })
  tell(`${set.name}: ${set.profiles.toLocaleString('en')} profiles`)
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
    facts: () => tableFacts(database, 'mixpanel.engage'),
  }
  const baseline = (name: string, select: string): Subject => ({
    name,
    prepare,
    program: {
      script: join(ROOT, 'bench/baseline.ts'),
      args: [database, `CREATE TABLE t AS ${select}`],
      cwd: directory,
    },
    facts: () => tableFacts(database, 't'),
  })
  const subjects = [
    mixload,
    baseline('A: DuckDB finds the columns', profilesSql(files)),
    baseline('B: DuckDB is told the columns', await toldProfilesSql(files)),
  ]
  const runs = await runInTurns(set.name, subjects, set.profiles, rounds, tell)
  await prepare()
  return runs
}
