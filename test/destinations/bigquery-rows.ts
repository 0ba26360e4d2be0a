import type { Cell, StoredRow } from '../conformance/harness.ts'
import type { BigQueryPlace } from './bigquery-places.ts'

interface Schema {
  readonly fields?: readonly { readonly name: string; readonly type: string }[]
}

interface Listing {
  readonly rows?: readonly { readonly f: readonly { readonly v: string | null }[] }[]
  readonly schema?: Schema
  readonly pageToken?: string
  readonly jobComplete?: boolean
}

/** All rows of a table or view, read with BigQuery's API; none if it does not exist. */
export async function rowsOf(place: BigQueryPlace, dataset: string, table: string): Promise<readonly StoredRow[]> {
  const path = `${place.project}/datasets/${dataset}/tables/${encodeURIComponent(table)}`
  const found = (await place.ask('GET', path)) as { type: string; schema?: Schema } | undefined
  if (found === undefined) return []
  if (found.type === 'VIEW') return rowsOfView(place, dataset, table)
  const rows: StoredRow[] = []
  for (let token: string | undefined = ''; token !== undefined; ) {
    const listing: Listing = ((await place.ask(
      'GET',
      `${path}/data?formatOptions.useInt64Timestamp=true&maxResults=100000${token === '' ? '' : `&pageToken=${token}`}`,
    )) ?? {}) as Listing
    rows.push(...storedRows(listing, found.schema))
    token = listing.pageToken
  }
  return rows
}

async function rowsOfView(place: BigQueryPlace, dataset: string, view: string): Promise<readonly StoredRow[]> {
  const listing = (await place.ask('POST', `${place.project}/queries`, {
    query: `SELECT * FROM \`${place.project}\`.\`${dataset}\`.\`${view}\``,
    useLegacySql: false,
    timeoutMs: 60_000,
    formatOptions: { useInt64Timestamp: true },
  })) as Listing
  if (listing.jobComplete === false || listing.pageToken !== undefined)
    throw new Error(`the rows of ${view} are too many`)
  return storedRows(listing, listing.schema)
}

function storedRows({ rows = [] }: Listing, schema: Schema | undefined): readonly StoredRow[] {
  const fields = schema?.fields ?? []
  return rows.map(({ f }) =>
    Object.fromEntries(fields.map(({ name, type }, at) => [name, cell(f[at]?.v ?? null, type)])),
  )
}

function cell(value: string | null, type: string): Cell {
  if (value === null) return null
  switch (type) {
    case 'INTEGER':
      return BigInt(value)
    case 'FLOAT':
      return Number(value)
    case 'BOOLEAN':
      return value === 'true'
    case 'TIMESTAMP':
      return new Date(Number(BigInt(value) / 1000n)).toISOString()
    default:
      return value
  }
}
