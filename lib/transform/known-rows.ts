/** Which rows of days that are read again the destination has already, by their content. */
import { HASH_COLUMN } from '../columns/catalogue.ts'
import { quoteName, quoteText } from '../core/sql.ts'
import { type Flattened, readNdjson } from './spool-reader.ts'

/** Rows that are new by their content. */
export interface NewContents {
  /** A Parquet file with their hashes. */
  readonly newHashes: string
}

const HASH = quoteName(HASH_COLUMN)

/** A query for the hash and the event of each row. */
export function contentsOf({ query }: Flattened): string {
  return `SELECT ${HASH} AS row_hash, event_id FROM (${query})`
}

/**
 * A query for the hashes of the rows in the file `arrived` that are to be loaded: those that the
 * destination does not have; and those that may return, if no other row of their event came,
 * because then Mixpanel has taken that one back. `known`: NDJSON files with the hashes of the rows
 * in the destination, and whether each may return.
 */
export function newContents(arrived: string, known: readonly string[]): string {
  const columns = ["row_hash: 'BIGINT'", "may_return: 'BOOLEAN'"]
  return `WITH known AS (
      SELECT row_hash, bool_and(may_return) AS may_return
      FROM ${readNdjson(known, columns, 0)}
      GROUP BY row_hash
    ), arrived AS (
      SELECT row_hash, event_id, may_return
      FROM read_parquet(${quoteText(arrived)})
      LEFT JOIN known USING (row_hash)
    )
    SELECT DISTINCT row_hash
    FROM arrived
    WHERE may_return IS NULL OR (may_return AND NOT EXISTS (
      SELECT 1 FROM arrived AS another WHERE another.event_id = arrived.event_id AND another.may_return IS NOT TRUE
    ))`
}

/** A query that counts the rows in the file `arrived` that are new. */
export function countNew(arrived: string, { newHashes }: NewContents): string {
  return `SELECT count(*) AS count FROM read_parquet(${quoteText(arrived)}) WHERE row_hash IN ${hashesIn(newHashes)}`
}

/** The rows of a query that are new. */
export function onlyNew({ query }: Flattened, { newHashes }: NewContents): string {
  return `SELECT * FROM (${query}) WHERE ${HASH} IN ${hashesIn(newHashes)}`
}

function hashesIn(path: string): string {
  return `(SELECT row_hash FROM read_parquet(${quoteText(path)}))`
}
