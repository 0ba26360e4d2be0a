/** A hash of what a row says, by which a row that is loaded already is known again. */
import { crc32 } from 'node:zlib'
import type { Column } from '../columns/column.ts'
import { quoteName } from '../core/sql.ts'
import { DAY_COLUMN } from '../destination/load-rules.ts'
import type { Flattened } from './spool-reader.ts'

/**
 * Rows with a column for the hash of their content, if the table has one. Null values do not count,
 * so that the hash stays the same when the table gets more columns. Nor does `_day`: it depends on
 * which days were requested.
 */
export function withContentHash({ query, columns }: Flattened, hash: Column | undefined): Flattened {
  if (hash === undefined) return { query, columns }
  const hashes = columns.filter(({ name }) => name !== DAY_COLUMN).map(({ name }) => hashOf(name))
  // Without the sign bit, because columns of integers are signed.
  const expression = `CAST(${combined(hashes)} >> 1 AS BIGINT)`
  return {
    query: `SELECT *, ${expression} AS ${quoteName(hash.name)} FROM (${query})`,
    columns: [...columns, hash],
  }
}

/**
 * The column's own number makes the same value in two columns count as two. The outer hash is
 * needed, because the engine combines two values with xor, too: values could change places.
 */
function hashOf(name: string): string {
  const column = quoteName(name)
  return `CASE WHEN ${column} IS NULL THEN CAST(0 AS UBIGINT) ELSE hash(hash(${column}, ${crc32(name)})) END`
}

/** A balanced tree: the engine refuses expressions that are nested too deeply. */
function combined(hashes: readonly string[]): string {
  const [only = 'CAST(0 AS UBIGINT)'] = hashes
  if (hashes.length <= 1) return only
  const half = hashes.length >> 1
  return `xor(${combined(hashes.slice(0, half))}, ${combined(hashes.slice(half))})`
}
