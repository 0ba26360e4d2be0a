import { defineConfig } from 'vitest/config'

/**
 * What `make test-fivetran` runs: the package fivetran/dbt_mixpanel, which is on GitHub only, on
 * tables of mixload's.
 */
export default defineConfig({
  test: {
    include: ['test/fivetran-real/*.real.ts'],
    globalSetup: ['test/postgres/global-setup.ts'],
    testTimeout: 600_000,
    maxWorkers: 1,
  },
})
