import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectFailure } from '../conformance/failures.ts'
import { LossyProxy } from '../postgres/proxy.ts'
import { type PostgresServer, type Shutdown, startPostgres } from '../postgres/server.ts'
import { atLoadOf, DAYS, FEW_RETRIES, MANY_RETRIES, PASSWORD, PostgresLoads } from './postgres-loads.ts'

let server: PostgresServer
beforeAll(async () => {
  // What the server has reported as committed survives its end.
  server = await startPostgres({ settings: { synchronous_commit: 'on' } })
})
afterAll(() => server.stop())

const SHUTDOWNS: Readonly<Record<string, Shutdown>> = {
  'by a fast shutdown': 'INT',
  'by an immediate shutdown': 'QUIT',
  'by kill -9': 'KILL',
}

describe.each(Object.entries(SHUTDOWNS))('a Postgres server that ends %s', (_, how) => {
  it.each(['before', 'during', 'after'] as const)(
    '%s the commit of a day and comes back: the run continues, and every row is there once',
    async (when) => {
      await using proxy = await LossyProxy.start(server.url)
      await using loads = await PostgresLoads.create(server, { port: new URL(proxy.url).port })
      const meanwhile = () => server.restart(how)
      const onEvent = atLoadOf(1, () => proxy.arm({ at: 1, query: 'COMMIT', when, meanwhile }))
      const summary = await loads.run(MANY_RETRIES, { onEvent })
      expect(proxy.disarm()).toBe(true)
      expect(summary.slices).toBe(DAYS)
      expect(loads.pipeline.events.find(({ kind }) => kind === 'retry')).toMatchObject({
        error: { code: 'COMMIT_IN_DOUBT' },
      })
      await loads.expectDays(DAYS)
    },
  )

  it('and stays away: the run ends with what is committed and says where it cannot connect; the next one continues', async () => {
    await using proxy = await LossyProxy.start(server.url)
    await using loads = await PostgresLoads.create(server, { port: new URL(proxy.url).port })
    const meanwhile = async () => {
      await server.end(how)
    }
    // The first day is committed alone, before others are ready.
    const onEvent = atLoadOf(1, () => proxy.arm({ at: 1, query: 'COMMIT', when: 'before', meanwhile }))
    const failure = await expectFailure(loads.run(FEW_RETRIES, { onEvent }), 'DESTINATION_UNAVAILABLE')
    expect(failure.message).toMatch(/^Cannot (?:connect to|open) postgres:\/\/127\.0\.0\.1:\d+\/loads_\w+: /)
    expect(failure.message).not.toContain(PASSWORD)
    await server.start()
    await loads.expectToHeal(1)
  })
})
