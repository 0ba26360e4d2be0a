import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectFailure } from '../conformance/failures.ts'
import { type PostgresServer, startPostgres } from '../postgres/server.ts'
import { DAYS, FEW_RETRIES, PostgresLoads } from './postgres-loads.ts'

let server: PostgresServer
beforeAll(async () => {
  const settings = { synchronous_commit: 'on', max_connections: '8', superuser_reserved_connections: '2' }
  server = await startPostgres({ settings })
})
afterAll(() => server.stop())

/** Repeats a query until it returns a row. A statement with an effect then has it once. */
async function until(loads: PostgresLoads, sql: string): Promise<void> {
  await expect.poll(() => loads.query(sql)).not.toEqual([])
}

describe('a locked table in Postgres', () => {
  const LOCKED = 'BEGIN; LOCK TABLE mixpanel.export IN EXCLUSIVE MODE'
  /** The sessions that wait for it. */
  const waiting = (loads: PostgresLoads, what = 'pid') =>
    `SELECT ${what} FROM pg_stat_activity WHERE usename = '${loads.name}' AND wait_event_type = 'Lock'`

  /** Another session, which locks the table when two days have been loaded. */
  async function lockedMidway(loads: PostgresLoads): ReturnType<PostgresLoads['connect']> {
    await loads.run(FEW_RETRIES, { to: 2 })
    const session = await loads.connect()
    await session.query(LOCKED)
    return session
  }

  it('is waited for if the lock is short', async () => {
    await using loads = await PostgresLoads.create(server)
    await using session = await lockedMidway(loads)
    const run = loads.run(FEW_RETRIES, { from: 2 })
    await until(loads, waiting(loads))
    await sleep(500)
    await session.query('COMMIT')
    await run
    await loads.expectDays(DAYS)
  })

  it('is still waited for beyond the role’s own time limits, which are for people', async () => {
    await using loads = await PostgresLoads.create(server)
    await loads.run(FEW_RETRIES, { to: 2 })
    // It logs in before the role has its limits.
    await using session = await loads.connect()
    for (const limit of ['statement', 'lock', 'idle_in_transaction_session', 'idle_session', 'transaction'])
      await loads.query(`ALTER ROLE ${loads.name} SET ${limit}_timeout = '300ms'`)
    await session.query(LOCKED)
    const run = loads.run(FEW_RETRIES, { from: 2 })
    await until(loads, waiting(loads))
    await sleep(1000)
    await session.query('COMMIT')
    await run
    await loads.expectDays(DAYS)
    expect(loads.pipeline.events.filter(({ kind }) => kind === 'retry')).toEqual([])
  })

  it('ends the attempt after two minutes, with nothing of its day and a message that says how to find the session', async () => {
    await using loads = await PostgresLoads.create(server, { lockPatienceMs: 200 })
    await using session = await lockedMidway(loads)
    const failure = await expectFailure(loads.run(FEW_RETRIES, { from: 2 }), 'DESTINATION_UNAVAILABLE')
    expect(failure.message).toMatch(/was not committed: canceling statement due to lock timeout\. .*pg_locks/)
    await session.query('COMMIT')
    await loads.expectToHeal(2)
  })

  it('ends the run if the waiting statement is cancelled, with nothing of its day and a message that says so', async () => {
    await using loads = await PostgresLoads.create(server)
    await using session = await lockedMidway(loads)
    const failing = expectFailure(loads.run(FEW_RETRIES, { from: 2 }), 'DESTINATION_FAILED')
    await until(loads, waiting(loads, 'pg_cancel_backend(pid)'))
    expect((await failing).message).toMatch(/canceling statement due to user request\. .*Nothing was committed/)
    await session.query('COMMIT')
    await loads.expectToHeal(2)
  })

  it('does not end the run if the waiting session is ended: it continues with another', async () => {
    await using loads = await PostgresLoads.create(server)
    await using session = await lockedMidway(loads)
    const run = loads.run(FEW_RETRIES, { from: 2 })
    await until(loads, waiting(loads, 'pg_terminate_backend(pid)'))
    await session.query('COMMIT')
    await run
    await loads.expectDays(DAYS)
    expect(loads.pipeline.events.filter(({ kind }) => kind === 'retry')).toHaveLength(1)
  })
})

describe('a Postgres server without a free connection', () => {
  /** Takes all connections that are not the superuser's. */
  async function takeAll(loads: PostgresLoads): Promise<AsyncDisposable> {
    const taken: pg.Client[] = []
    for (;;) {
      const client = await loads.connect().catch(() => undefined)
      if (client === undefined) break
      taken.push(client)
    }
    expect(taken.length).toBeGreaterThan(3)
    return {
      async [Symbol.asyncDispose]() {
        for (const client of taken) await client.end()
      },
    }
  }

  it('is waited for if that is short', async () => {
    await using loads = await PostgresLoads.create(server)
    const others = await takeAll(loads)
    const run = loads.run()
    await expect.poll(() => loads.pipeline.events.some(({ kind }) => kind === 'retry')).toBe(true)
    await others[Symbol.asyncDispose]()
    await run
    await loads.expectDays(DAYS)
    expect(loads.pipeline.events[0]).toMatchObject({ kind: 'retry', error: { cause: { cause: { code: '53300' } } } })
  })

  it('ends the run if that lasts; the run says so, and the next one continues', async () => {
    await using loads = await PostgresLoads.create(server)
    await loads.run(FEW_RETRIES, { to: 2 })
    {
      await using _ = await takeAll(loads)
      const failure = await expectFailure(loads.run(FEW_RETRIES, { from: 2 }), 'DESTINATION_UNAVAILABLE')
      expect(failure.message).toMatch(/^Cannot open .*: .*connection.* max_connections/)
    }
    await loads.expectToHeal(2)
  })
})

describe('a read-only Postgres server', () => {
  const ONLY_READS =
    /read-only transaction\. This server only reads: is it a standby, or is default_transaction_read_only on/

  it('because of default_transaction_read_only ends the run, which says so; the next one continues', async () => {
    await using loads = await PostgresLoads.create(server)
    await loads.run(FEW_RETRIES, { to: 2 })
    await loads.query(`ALTER DATABASE ${loads.name} SET default_transaction_read_only = on`)
    const failure = await expectFailure(loads.run(FEW_RETRIES, { from: 2 }), 'DESTINATION_FAILED')
    expect(failure.message).toMatch(ONLY_READS)
    await loads.query(`BEGIN READ WRITE; ALTER DATABASE ${loads.name} RESET ALL; COMMIT`)
    await loads.expectToHeal(2)
  })

  it('because it is a standby ends the run, which says so; the next one continues', async () => {
    await using loads = await PostgresLoads.create(server)
    await loads.run(FEW_RETRIES, { to: 2 })
    const signal = join(server.data, 'standby.signal')
    await server.end('INT')
    await writeFile(signal, '')
    await chmod(signal, 0o666)
    await server.start()
    const failure = await expectFailure(loads.run(FEW_RETRIES, { from: 2 }), 'DESTINATION_FAILED')
    expect(failure.message).toMatch(ONLY_READS)
    await server.end('INT')
    await rm(signal)
    await server.start()
    await loads.expectToHeal(2)
  })
})

describe('missing rights in Postgres', () => {
  it.each([
    ['on the schema', 'REVOKE ALL ON SCHEMA mixpanel FROM %', 'GRANT ALL ON SCHEMA mixpanel TO %'],
    ['on the table', 'ALTER TABLE mixpanel.export OWNER TO postgres', 'ALTER TABLE mixpanel.export OWNER TO %'],
    [
      'on the ledger',
      'REVOKE INSERT ON mixpanel._mixload_loads FROM %',
      'GRANT INSERT ON mixpanel._mixload_loads TO %',
    ],
  ])('%s end the run, which says what to grant; the next one continues', async (_, revoke, grant) => {
    await using loads = await PostgresLoads.create(server)
    await loads.run(FEW_RETRIES, { to: 2 })
    await loads.query(`ALTER SCHEMA mixpanel OWNER TO postgres; GRANT ALL ON SCHEMA mixpanel TO ${loads.name}`)
    await loads.query(revoke.replace('%', loads.name))
    const failure = await expectFailure(loads.run(FEW_RETRIES, { from: 2 }), 'DESTINATION_FAILED')
    expect(failure.message).toMatch(/permission denied .*GRANT USAGE, CREATE ON SCHEMA "mixpanel".* must be owned by/)
    await loads.query(grant.replace('%', loads.name))
    await loads.expectToHeal(2)
  })
})

it('a full disk of a Postgres server ends the run with nothing of its day; the next one continues', async () => {
  const full = await startPostgres({ settings: { synchronous_commit: 'on' }, fileBytesMax: 27 * 1024 * 1024 + 4096 })
  try {
    await using loads = await PostgresLoads.create(full, { perDay: 10_000 })
    const failure = await expectFailure(loads.run(FEW_RETRIES), 'DESTINATION_FAILED')
    expect(failure.message).toMatch(/was not committed: could not extend file .*disk/i)
    await full.end('INT')
    await full.start()
    // What a refused commit of two days has written takes space until the server clears it.
    const { ledger } = await loads.pipeline.stored()
    expect([1, 2]).toContain(ledger.length)
    await loads.expectToHeal(ledger.length)
  } finally {
    await full.stop()
  }
})
