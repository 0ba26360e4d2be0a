import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { detectingSql, toldSql } from '../baseline-sql.ts'
import { tableFacts } from '../table-facts.ts'
import type { OpenPlace, Subject } from './place.ts'

const BASELINE = fileURLToPath(new URL('../baseline.ts', import.meta.url))

/** A database file, beside what DuckDB's own reader takes to put the same files into one. */
export const openDuckDb: OpenPlace = async ({ paths, directory }) => {
  const database = join(directory, 'load.duckdb')
  const clear = async () => {
    for (const suffix of ['', '.wal', '.tmp']) await rm(database + suffix, { recursive: true, force: true })
  }
  const baseline = (name: string, select: string): Subject => ({
    name,
    prepare: clear,
    program: { script: BASELINE, args: [database, `CREATE TABLE t AS ${select}`], cwd: directory },
    facts: () => tableFacts(database, 't'),
  })
  return {
    destination: `duckdb:${database}`,
    clear,
    facts: () => tableFacts(database, 'mixpanel.export'),
    async baselines() {
      return [
        baseline('A: DuckDB finds the columns', detectingSql(paths)),
        // This also reads all the files once, so that none of those compared is the one to fetch them from the disk.
        baseline('B: DuckDB is told the columns', await toldSql(paths)),
      ]
    },
    [Symbol.asyncDispose]: clear,
  }
}
