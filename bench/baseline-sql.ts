import { query } from './query.ts'

/** That every property becomes a column, also where there are many and each line has few of them. */
const DETECTION = 'sample_size = -1, map_inference_threshold = -1, field_appearance_threshold = 0'

/** A query with which DuckDB reads the files twice, once to find their columns and once to give their rows. */
export function detectingSql(paths: readonly string[]): string {
  return selectFrom(`read_json(${list(paths)}, format = 'newline_delimited', ${DETECTION})`)
}

/** A query in which DuckDB is told all columns and their types, which is the least that reading can cost. */
export async function toldSql(paths: readonly string[]): Promise<string> {
  const struct = quote(await propertiesType(paths))
  return selectFrom(
    `read_json(${list(paths)}, format = 'newline_delimited', columns = {event: 'VARCHAR', properties: ${struct}})`,
  )
}

function selectFrom(source: string): string {
  return `SELECT event, unnest(properties) FROM ${source}`
}

/** As {@link detectingSql}, for pages of profiles. */
export function profilesSql(paths: readonly string[]): string {
  return selectProfiles(`read_json(${list(paths)}, ${PAGE}, ${DETECTION})`)
}

/** As {@link toldSql}, for pages of profiles. */
export async function toldProfilesSql(paths: readonly string[]): Promise<string> {
  const source = `read_json(${list(paths)}, ${PAGE}, ${DETECTION})`
  const type = (await query(`SELECT column_type FROM (DESCRIBE SELECT results FROM ${source})`)).rows[0]?.[0]
  if (type?.startsWith('STRUCT') !== true) throw new Error(`DuckDB takes results for a ${type?.slice(0, 40)}.`)
  return selectProfiles(`read_json(${list(paths)}, ${PAGE}, columns = {results: ${quote(type)}})`)
}

/** A page is one object, larger than the engine expects. */
const PAGE = "format = 'unstructured', maximum_object_size = 100000000"

function selectProfiles(source: string): string {
  return `SELECT result."$distinct_id" AS distinct_id, unnest(result."$properties") FROM (SELECT unnest(results) AS result FROM ${source})`
}

/** The type that DuckDB finds for `properties`, spelled out. */
async function propertiesType(paths: readonly string[]): Promise<string> {
  const source = `read_json(${list(paths)}, format = 'newline_delimited', ${DETECTION})`
  const type = (await query(`SELECT column_type FROM (DESCRIBE SELECT properties FROM ${source})`)).rows[0]?.[0]
  if (type?.startsWith('STRUCT') !== true) throw new Error(`DuckDB takes properties for a ${type?.slice(0, 40)}.`)
  return type
}

function list(paths: readonly string[]): string {
  return `[${paths.map(quote).join(', ')}]`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
