import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { detectingSql, typedSql } from '../baseline-sql.ts'
import { tableSize } from '../table-size.ts'
import type { OpenTarget, Subject } from './target.ts'

const BASELINE = fileURLToPath(new URL('../baseline.ts', import.meta.url))

/** A database file, compared with DuckDB's own reader for the same files. */
export const openDuckDb: OpenTarget = async ({ paths, directory }) => {
  const database = join(directory, 'load.duckdb')
  const clear = async () => {
    for (const suffix of ['', '.wal', '.tmp']) await rm(database + suffix, { recursive: true, force: true })
  }
  const baseline = (name: string, select: string): Subject => ({
    name,
    prepare: clear,
    program: { script: BASELINE, args: [database, `CREATE TABLE t AS ${select}`], cwd: directory },
    size: () => tableSize(database, 't'),
  })
  return {
    destination: `duckdb:${database}`,
    clear,
    size: () => tableSize(database, 'mixpanel.export'),
    async baselines() {
      return [
        baseline('A: DuckDB detects the columns', detectingSql(paths)),
        // Detecting the types reads all files once, so that all subjects find them in the file
        // cache.
        baseline('B: DuckDB with given columns', await typedSql(paths)),
      ]
    },
    [Symbol.asyncDispose]: clear,
  }
}
