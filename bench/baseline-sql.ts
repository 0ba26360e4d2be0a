import { query } from './query.ts'

/** Makes every property a column, even if there are many and each line has only a few of them. */
const DETECTION = 'sample_size = -1, map_inference_threshold = -1, field_appearance_threshold = 0'

/**
 * Returns a query for which DuckDB reads the files twice, once to detect the columns and once for
 * the rows.
 */
export function detectingSql(paths: readonly string[]): string {
  return selectFrom(`read_json(${list(paths)}, format = 'newline_delimited', ${DETECTION})`)
}

/**
 * Returns a query with all columns and types, which is the cheapest way for DuckDB to read the
 * files.
 */
export async function typedSql(paths: readonly string[]): Promise<string> {
  const struct = quote(await propertiesType(paths))
  return selectFrom(
    `read_json(${list(paths)}, format = 'newline_delimited', columns = {event: 'VARCHAR', properties: ${struct}})`,
  )
}

function selectFrom(source: string): string {
  return `SELECT event, unnest(properties) FROM ${source}`
}

/** Like {@link detectingSql}, for pages of profiles. */
export function profilesSql(paths: readonly string[]): string {
  return selectProfiles(`read_json(${list(paths)}, ${PAGE}, ${DETECTION})`)
}

/** Like {@link typedSql}, for pages of profiles. */
export async function typedProfilesSql(paths: readonly string[]): Promise<string> {
  const source = `read_json(${list(paths)}, ${PAGE}, ${DETECTION})`
  const type = (await query(`SELECT column_type FROM (DESCRIBE SELECT results FROM ${source})`)).rows[0]?.[0]
  if (type?.startsWith('STRUCT') !== true) throw new Error(`DuckDB reads results as ${type?.slice(0, 40)}.`)
  return selectProfiles(`read_json(${list(paths)}, ${PAGE}, columns = {results: ${quote(type)}})`)
}

/** A page is one object, larger than DuckDB's default limit. */
const PAGE = "format = 'unstructured', maximum_object_size = 100000000"

function selectProfiles(source: string): string {
  return `SELECT result."$distinct_id" AS distinct_id, unnest(result."$properties") FROM (SELECT unnest(results) AS result FROM ${source})`
}

/** Returns the type that DuckDB detects for `properties`. */
async function propertiesType(paths: readonly string[]): Promise<string> {
  const source = `read_json(${list(paths)}, format = 'newline_delimited', ${DETECTION})`
  const type = (await query(`SELECT column_type FROM (DESCRIBE SELECT properties FROM ${source})`)).rows[0]?.[0]
  if (type?.startsWith('STRUCT') !== true) throw new Error(`DuckDB reads properties as ${type?.slice(0, 40)}.`)
  return type
}

function list(paths: readonly string[]): string {
  return `[${paths.map(quote).join(', ')}]`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
