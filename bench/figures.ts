import type { Measure } from './measure.ts'
import type { TableFacts } from './table-facts.ts'

/** All runs of one subject in one case. */
export interface Runs {
  readonly case: string
  readonly subject: string
  readonly facts: TableFacts
  readonly measures: readonly Measure[]
  /** Why it could not be measured; undefined where it was. */
  readonly failure: string | undefined
}

/** The middle of several runs, and how far they lay apart. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** What is reported of a subject in a case. */
export interface Figures {
  readonly case: string
  readonly subject: string
  readonly rows: number
  readonly columns: number
  readonly rowsPerSecond: number
  readonly wallSeconds: Spread
  /** What of it mixload spent on loads; undefined for a baseline. */
  readonly loadSeconds: Spread | undefined
  readonly cpuSeconds: Spread
  readonly peakRssMegabytes: Spread
  /** Its median time over that of the case's baseline A and of its B: below 1 it is faster. */
  readonly timeToA: number | undefined
  readonly timeToB: number | undefined
  /** The median time of its loads alone over that of the baseline A, which downloads nothing either. */
  readonly loadToA: number | undefined
}

export function figuresOf(all: readonly Runs[]): readonly Figures[] {
  const measured = all.filter(({ failure }) => failure === undefined)
  const wall = ({ measures }: Runs) => spread(measures.map(({ wallSeconds }) => wallSeconds))
  return measured.map((runs) => {
    const wallSeconds = wall(runs)
    const loads = runs.measures.flatMap(({ loadSeconds }) => loadSeconds ?? [])
    const loadSeconds = loads.length === 0 ? undefined : spread(loads)
    const to = (seconds: Spread | undefined, baseline: 'A' | 'B') => {
      const other = measured.find((one) => one.case === runs.case && one.subject.startsWith(`${baseline}: `))
      return other === undefined || seconds === undefined ? undefined : seconds.median / wall(other).median
    }
    return {
      case: runs.case,
      subject: runs.subject,
      rows: runs.facts.rows,
      columns: runs.facts.columns,
      rowsPerSecond: runs.facts.rows / wallSeconds.median,
      wallSeconds,
      loadSeconds,
      cpuSeconds: spread(runs.measures.map(({ cpuSeconds }) => cpuSeconds)),
      peakRssMegabytes: spread(runs.measures.map(({ peakRssBytes }) => peakRssBytes / 1e6)),
      timeToA: to(wallSeconds, 'A'),
      timeToB: to(wallSeconds, 'B'),
      loadToA: to(loadSeconds, 'A'),
    }
  })
}

/** What could not be measured, in words. */
export function failuresOf(all: readonly Runs[]): readonly string[] {
  return all.flatMap(({ case: name, subject, failure }) =>
    failure === undefined ? [] : [`${name}, ${subject}: ${failure}`],
  )
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1)
  return {
    median: middle.reduce((total, value) => total + value, 0) / middle.length,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  }
}
