import { query } from './query.ts'

/** What a load left. */
export interface TableFacts {
  readonly rows: number
  readonly columns: number
}

export async function tableFacts(path: string, table: string): Promise<TableFacts> {
  const counted = await query(`SELECT count(*) FROM ${table}`, path)
  const described = await query(`DESCRIBE ${table}`, path)
  return { rows: Number(counted.rows[0]?.[0]), columns: described.rows.length }
}
