import { type DataSet, LARGE, MONTH, ONE_DAY, WIDE } from './generate.ts'
import type { OpenPlace } from './places/place.ts'

/** Something that is measured: a data set, where it goes, and the ways in which mixload loads it. */
export interface Case {
  readonly name: string
  readonly set: DataSet
  readonly open: OpenPlace
  readonly loads: readonly MixloadLoad[]
}

export interface MixloadLoad {
  readonly label: string
  /** Flags beyond those that every load has. */
  readonly flags: readonly string[]
}

/** Loaded only when their cases are run: a server of one need not be there for another. */
const DUCKDB: OpenPlace = async (options) => (await import('./places/duckdb.ts')).openDuckDb(options)
const POSTGRES: OpenPlace = async (options) => (await import('./places/postgres.ts')).openPostgres(options)
const BIGQUERY: OpenPlace = async (options) => (await import('./places/bigquery.ts')).openBigQuery(options)
const BIGQUERY_100_MBIT: OpenPlace = async (options) => (await import('./places/bigquery.ts')).openFarBigQuery(options)
const PARQUET: OpenPlace = async (options) => (await import('./places/parquet.ts')).openParquet(options)

const DEFAULTS: MixloadLoad = { label: 'mixload', flags: [] }

export const CASES: readonly Case[] = [
  { name: 'one-day', set: ONE_DAY, open: DUCKDB, loads: [DEFAULTS] },
  { name: 'month', set: MONTH, open: DUCKDB, loads: [DEFAULTS] },
  {
    name: 'wide',
    set: WIDE,
    open: DUCKDB,
    // With the default of 1,000 columns a third of the properties goes to one json column.
    loads: [DEFAULTS, { label: 'mixload --max-columns 2000', flags: ['--max-columns', '2000'] }],
  },
  { name: 'postgres', set: ONE_DAY, open: POSTGRES, loads: [DEFAULTS] },
  { name: 'bigquery', set: ONE_DAY, open: BIGQUERY, loads: [DEFAULTS] },
  { name: 'bigquery-100mbit', set: ONE_DAY, open: BIGQUERY_100_MBIT, loads: [DEFAULTS] },
  { name: 'parquet', set: ONE_DAY, open: PARQUET, loads: [DEFAULTS] },
]

/** Only made when asked for: it shows whether memory grows with the day. */
export const LARGE_CASE: Case = { name: 'large', set: LARGE, open: DUCKDB, loads: [DEFAULTS] }
