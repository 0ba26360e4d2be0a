import type { Measure } from './measure.ts'
import type { TableSize } from './table-size.ts'

/** All runs of one subject in one case. */
export interface Runs {
  readonly case: string
  readonly subject: string
  readonly size: TableSize
  readonly measures: readonly Measure[]
  /** Why it could not be measured. */
  readonly failure: string | undefined
}

/** The median of several runs, with the smallest and the largest. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** The reported figures of a subject in a case. */
export interface Figures {
  readonly case: string
  readonly subject: string
  readonly rows: number
  readonly columns: number
  readonly rowsPerSecond: number
  readonly wallSeconds: Spread
  /** The part that mixload spent on loads; undefined for a baseline. */
  readonly loadSeconds: Spread | undefined
  readonly cpuSeconds: Spread
  readonly peakRssMegabytes: Spread
  /** Its median time divided by that of baseline A: below 1 it is faster. */
  readonly timeToA: number | undefined
  /** Its median time divided by that of baseline B. */
  readonly timeToB: number | undefined
  /** The median time of its loads divided by that of baseline A, which does not download either. */
  readonly loadToA: number | undefined
  /** Its median peak memory divided by that of baseline A. */
  readonly memoryToA: number | undefined
}

/** Computes the figures of all subjects that could be measured. */
export function figuresOf(all: readonly Runs[]): readonly Figures[] {
  const measured = all.filter(({ failure }) => failure === undefined)
  const wall = ({ measures }: Runs) => spread(measures.map(({ wallSeconds }) => wallSeconds))
  const memory = ({ measures }: Runs) => spread(measures.map(({ peakRssBytes }) => peakRssBytes / 1e6))
  return measured.map((runs) => {
    const wallSeconds = wall(runs)
    const loads = runs.measures.flatMap(({ loadSeconds }) => loadSeconds ?? [])
    const loadSeconds = loads.length === 0 ? undefined : spread(loads)
    const ratio = (value: Spread | undefined, baseline: 'A' | 'B', spreadOf = wall) => {
      const reference = measured.find(
        ({ case: name, subject }) => name === runs.case && subject.startsWith(`${baseline}: `),
      )
      return reference === undefined || value === undefined ? undefined : value.median / spreadOf(reference).median
    }
    return {
      case: runs.case,
      subject: runs.subject,
      rows: runs.size.rows,
      columns: runs.size.columns,
      rowsPerSecond: runs.size.rows / wallSeconds.median,
      wallSeconds,
      loadSeconds,
      cpuSeconds: spread(runs.measures.map(({ cpuSeconds }) => cpuSeconds)),
      peakRssMegabytes: memory(runs),
      timeToA: ratio(wallSeconds, 'A'),
      timeToB: ratio(wallSeconds, 'B'),
      loadToA: ratio(loadSeconds, 'A'),
      memoryToA: ratio(memory(runs), 'A', memory),
    }
  })
}

/** Returns which subjects could not be measured, and why. */
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
