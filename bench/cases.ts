import { type DataSet, LARGE, MONTH, ONE_DAY, SMALL_MONTH, WIDE, WIDEST } from './generate.ts'
import type { OpenTarget } from './targets/target.ts'

/** A data set, the target to load it into, and the flags to load it with. */
export interface Case {
  readonly name: string
  readonly set: DataSet
  readonly openTarget: OpenTarget
  readonly loads: readonly MixloadLoad[]
  /** How long the server takes to send the first byte of a response; no time by default. */
  readonly firstByteMs?: number
}

/** A load to measure. */
export interface MixloadLoad {
  readonly label: string
  /** Additional flags. */
  readonly flags: readonly string[]
}

/** Imported only when needed: a case does not need the servers of other cases. */
const DUCKDB: OpenTarget = async (options) => (await import('./targets/duckdb.ts')).openDuckDb(options)
const POSTGRES: OpenTarget = async (options) => (await import('./targets/postgres.ts')).openPostgres(options)
const BIGQUERY: OpenTarget = async (options) => (await import('./targets/bigquery.ts')).openBigQuery(options)
const BIGQUERY_100_MBIT: OpenTarget = async (options) =>
  (await import('./targets/bigquery.ts')).openRemoteBigQuery(options)
const PARQUET: OpenTarget = async (options) => (await import('./targets/parquet.ts')).openParquet(options)

const DEFAULTS: MixloadLoad = { label: 'mixload', flags: [] }

/** Mixpanel's limit, which the other cases do without. */
const LIMIT_PER_SECOND = ['--requests-per-second', '3']

export const CASES: readonly Case[] = [
  { name: 'one-day', set: ONE_DAY, openTarget: DUCKDB, loads: [DEFAULTS] },
  { name: 'month', set: MONTH, openTarget: DUCKDB, loads: [DEFAULTS] },
  {
    name: 'slow',
    set: SMALL_MONTH,
    openTarget: DUCKDB,
    firstByteMs: 2000,
    loads: [
      { label: 'mixload', flags: LIMIT_PER_SECOND },
      { label: 'mixload --requests-at-once 1', flags: [...LIMIT_PER_SECOND, '--requests-at-once', '1'] },
    ],
  },
  {
    name: 'widest',
    set: WIDEST,
    openTarget: DUCKDB,
    // With the default of 1,000 columns, a third of the properties is stored in one json column.
    loads: [DEFAULTS, { label: 'mixload --max-columns 2000', flags: ['--max-columns', '2000'] }],
  },
  { name: 'wide', set: WIDE, openTarget: DUCKDB, loads: [DEFAULTS] },
  { name: 'wide-postgres', set: WIDE, openTarget: POSTGRES, loads: [DEFAULTS] },
  { name: 'postgres', set: ONE_DAY, openTarget: POSTGRES, loads: [DEFAULTS] },
  { name: 'bigquery', set: ONE_DAY, openTarget: BIGQUERY, loads: [DEFAULTS] },
  { name: 'bigquery-100mbit', set: ONE_DAY, openTarget: BIGQUERY_100_MBIT, loads: [DEFAULTS] },
  { name: 'parquet', set: ONE_DAY, openTarget: PARQUET, loads: [DEFAULTS] },
]

/** Only with `--large`. It shows whether memory grows with the size of the day. */
export const LARGE_CASE: Case = { name: 'large', set: LARGE, openTarget: DUCKDB, loads: [DEFAULTS] }
