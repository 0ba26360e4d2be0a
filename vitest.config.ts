import { defineConfig } from 'vitest/config'
import { timeLimitMs } from './test/runs.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/postgres/global-setup.ts'],
    setupFiles: ['test/setup.ts'],
    // Far more than is needed: they end what hangs, also on a machine that has much else to do.
    testTimeout: timeLimitMs(300_000),
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000, interval: 20 } },
    // One more than the cores of a small machine: many tests wait for a server or for a delay.
    maxWorkers: 3,
  },
})
