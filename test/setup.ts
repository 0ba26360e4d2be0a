import { runs, TIMES } from './runs.ts'

/** What fast-check tests a property with where the test does not say how often. */
const RUNS_BY_DEFAULT = 100

if (TIMES !== 1) {
  // It is loaded only for this: most tests do without.
  const { default: fc } = await import('fast-check')
  fc.configureGlobal({ numRuns: runs(RUNS_BY_DEFAULT) })
}
