import { defineConfig } from 'vitest/config'
import { timeLimitMs } from './test/runs.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/postgres/global-setup.ts'],
    setupFiles: ['test/setup.ts'],
    testTimeout: timeLimitMs(120_000),
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
