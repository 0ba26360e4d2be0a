import { defineConfig } from 'vitest/config'

/** What `make test-bigquery` runs: the conformance suite against Google's own BigQuery. */
export default defineConfig({
  test: {
    include: ['test/bigquery-real/*.real.ts'],
    // A test sends a few dozen requests, and jobs take seconds.
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
  },
})
