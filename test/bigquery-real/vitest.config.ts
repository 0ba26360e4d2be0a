import { defineConfig } from 'vitest/config'

/** What `make test-bigquery` runs: the conformance suite against Google's own BigQuery. */
export default defineConfig({
  test: {
    include: ['test/bigquery-real/*.real.ts'],
    // A case asks a few dozen times, and jobs take seconds.
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
  },
})
