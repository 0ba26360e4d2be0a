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
 * destination does not have; and those that it has superseded, if no better row of their event
 * came, because then Mixpanel has taken that one back. `known`: NDJSON files with the hashes of the
 * rows in the destination, and whether each is superseded.
 */
export function newContents(arrived: string, known: readonly string[]): string {
  const columns = ["row_hash: 'BIGINT'", "is_superseded: 'BOOLEAN'"]
  const hashes = (condition: string) => `(SELECT row_hash FROM ${readNdjson(known, columns, 0)} WHERE ${condition})`
  const rows = `read_parquet(${quoteText(arrived)})`
  const [shown, superseded] = [hashes('NOT is_superseded'), hashes('is_superseded')]
  const isBetter = `row_hash IN ${shown} OR row_hash NOT IN ${superseded}`
  return `SELECT DISTINCT row_hash FROM ${rows}
    WHERE row_hash NOT IN ${shown} AND (
      row_hash NOT IN ${superseded} OR event_id NOT IN (SELECT event_id FROM ${rows} WHERE ${isBetter})
    )`
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
