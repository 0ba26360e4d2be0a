import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { quoteName } from '../../lib/core/sql.ts'
import type { StoredRow } from '../conformance/harness.ts'
import { storedRows } from './cells.ts'

/**
 * The rows that plain DuckDB returns for a query after it has read `views.sql`, if there is one.
 */
export async function query(directory: string, sql: string): Promise<readonly StoredRow[]> {
  const instance = await DuckDBInstance.create()
  try {
    const connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    const views = join(directory, 'views.sql')
    if (existsSync(views)) await connection.run(await readFile(views, 'utf8'))
    return storedRows(await connection.runAndReadAll(sql))
  } finally {
    instance.closeSync()
  }
}

/** The rows of a table or view; none where there is no such thing. */
export async function readView(directory: string, name: string): Promise<readonly StoredRow[]> {
  const views = join(directory, 'views.sql')
  const text = existsSync(views) ? await readFile(views, 'utf8') : ''
  if (!text.includes(`VIEW ${quoteName(name)} AS`)) return []
  const sql = `SELECT * FROM ${quoteName(name)}`
  try {
    return await query(directory, sql)
  } catch (error) {
    // A file was removed between listing the files and opening them. A reader during a replacement
    // has to try again.
    if (error instanceof Error && /No such file|No files found/.test(error.message)) return query(directory, sql)
    throw error
  }
}
