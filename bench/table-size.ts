import { query } from './query.ts'

/** The size of a loaded table. */
export interface TableSize {
  readonly rows: number
  readonly columns: number
}

/** Counts the rows and columns of a table in a DuckDB file. */
export async function tableSize(path: string, table: string): Promise<TableSize> {
  const counted = await query(`SELECT count(*) FROM ${table}`, path)
  const described = await query(`DESCRIBE ${table}`, path)
  return { rows: Number(counted.rows[0]?.[0]), columns: described.rows.length }
}
