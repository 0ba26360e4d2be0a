import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { detectingSql, typedSql } from '../baseline-sql.ts'
import { query } from '../query.ts'
import type { OpenTarget, Subject } from './target.ts'

const BASELINE = fileURLToPath(new URL('../baseline.ts', import.meta.url))

/** A directory of Parquet files, compared with DuckDB's own `COPY … TO` for the same files. */
export const openParquet: OpenTarget = async ({ paths, directory }) => {
  const warehouse = join(directory, 'parquet')
  const copy = join(directory, 'copy.parquet')
  const clear = async () => {
    for (const path of [warehouse, copy]) await rm(path, { recursive: true, force: true })
    await mkdir(directory, { recursive: true })
  }
  const sizeOf = async (source: string) => {
    const counted = await query(`SELECT count(*) FROM ${source}`)
    const described = await query(`DESCRIBE SELECT * FROM ${source}`)
    return { rows: Number(counted.rows[0]?.[0]), columns: described.rows.length }
  }
  const baseline = (name: string, select: string): Subject => ({
    name,
    prepare: clear,
    program: {
      script: BASELINE,
      args: [':memory:', `COPY (${select}) TO '${copy}' (FORMAT parquet, COMPRESSION zstd)`],
      cwd: directory,
    },
    size: () => sizeOf(`read_parquet('${copy}')`),
  })
  return {
    destination: `parquet:${warehouse}`,
    clear,
    size: () => sizeOf(`read_parquet('${warehouse}/export/*/*.parquet', union_by_name = true)`),
    async baselines() {
      return [
        baseline('A: COPY TO, DuckDB detects the columns', detectingSql(paths)),
        baseline('B: COPY TO, DuckDB with given columns', await typedSql(paths)),
      ]
    },
    [Symbol.asyncDispose]: clear,
  }
}
