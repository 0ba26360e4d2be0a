/** How many times as often as usual the tests of properties run: see CONTRIBUTING.md. */
export const TIMES = Number(process.env.MIXLOAD_TEST_RUNS ?? 1)

/** How often a property is tested that is usually tested so often. */
export function runs(usual: number): number {
  return Math.max(1, Math.round(usual * TIMES))
}

/** The time limit of a test of properties that usually has this one. */
export function timeLimitMs(usual: number): number {
  return usual * Math.max(1, TIMES)
}
