import { type DataSet, LARGE, MONTH, ONE_DAY, WIDE } from './generate.ts'

/** Something that is measured: a data set, and the ways in which mixload loads it. */
export interface Case {
  readonly name: string
  readonly set: DataSet
  readonly loads: readonly MixloadLoad[]
}

export interface MixloadLoad {
  readonly label: string
  /** Flags beyond those that every load has. */
  readonly flags: readonly string[]
}

const DEFAULTS: MixloadLoad = { label: 'mixload', flags: [] }

export const CASES: readonly Case[] = [
  { name: 'one-day', set: ONE_DAY, loads: [DEFAULTS] },
  { name: 'month', set: MONTH, loads: [DEFAULTS] },
  {
    name: 'wide',
    set: WIDE,
    // With the default of 1,000 columns a third of the properties goes to one json column.
    loads: [DEFAULTS, { label: 'mixload --max-columns 2000', flags: ['--max-columns', '2000'] }],
  },
]

/** Only made when asked for: it shows whether memory grows with the day. */
export const LARGE_CASE: Case = { name: 'large', set: LARGE, loads: [DEFAULTS] }
