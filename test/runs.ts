/** How many times as often as usual property-based tests run: see CONTRIBUTING.md. */
export const TIMES = Number(process.env.MIXLOAD_TEST_RUNS ?? 1)

/** The number of runs of a property that usually has this many. */
export function runs(usual: number): number {
  return Math.max(1, Math.round(usual * TIMES))
}

/** The time limit of a property-based test that usually has this one. */
export function timeLimitMs(usual: number): number {
  return usual * Math.max(1, TIMES)
}
