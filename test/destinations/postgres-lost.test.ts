import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PostgresDriver } from '../../destinations/postgres/driver.ts'
import type { ErrorCode } from '../../lib/core/errors.ts'
import { quotePath } from '../../lib/core/sql.ts'
import type { Retries } from '../../lib/destination/retries.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { expectFailure, failureOf } from '../conformance/failures.ts'
import {
  COLUMNS,
  load,
  makeTable,
  manyRows,
  newColumns,
  property,
  rejectsOf,
  relationOf,
  TABLE,
  thing,
  unaborted,
} from '../conformance/rows.ts'
import { type Cut, LossyProxy } from '../postgres/proxy.ts'
import { startPostgres } from '../postgres/server.ts'
import { query, sharedPostgres, withClient } from '../postgres/shared.ts'
import { newEngine } from './engine.ts'

const DAY = '2026-08-03'
const ROWS = manyRows(100, DAY)
const REJECTS = rejectsOf('one', 'two')
const AGAIN: Retries = {
  policy: { retries: { DESTINATION_UNAVAILABLE: 5, COMMIT_IN_DOUBT: 5 }, firstDelayMs: 1, delayMaxMs: 5 },
  onRetry: () => {},
  signal: unaborted(),
}

/** How something ends: done, or with the code of its failure. */
async function outcomeOf(work: Promise<unknown>): Promise<'done' | ErrorCode> {
  return work.then(
    () => 'done',
    async (error: unknown) => (await failureOf(Promise.reject(error))).code,
  )
}

describe('a connection to Postgres that is lost', () => {
  let directory: string
  let engine: Engine
  let url: string
  let schema: string
  let proxy: LossyProxy
  let destination: Warehouse
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    engine = await newEngine(directory)
    url = await sharedPostgres()
    schema = `lost_${crypto.randomUUID()}`
    proxy = await LossyProxy.start(url)
    destination = warehouse(proxy.url)
    await destination.open(unaborted())
    await makeTable(destination)
  })
  afterEach(async () => {
    await destination[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const warehouse = (at: string, retries?: Retries) =>
    new Warehouse(new PostgresDriver({ url: at, schema, engine, workDirectory: directory }), { engine, retries })
  /** Begins a new run, with retries for all that follows. */
  const beginRetryingRun = async () => {
    await destination[Symbol.asyncDispose]()
    destination = warehouse(proxy.url, AGAIN)
    await destination.open(unaborted())
  }
  const sql = (text: string) => withClient(url, (client) => query(client, text))
  const path = (table: string) => quotePath(schema, table)
  /** What is committed: rows of the table, rejects, loads. */
  const counts = async () => {
    const [found] = await sql(
      `SELECT (SELECT count(*) FROM ${path(TABLE)}) AS rows, (SELECT count(*) FROM ${path('_mixload_rejects')}) AS rejects,
         (SELECT count(*) FROM ${path('_mixload_loads')}) AS loads`,
    )
    return [found?.rows, found?.rejects, found?.loads].map(Number)
  }
  /**
   * Does something with the connection lost at its first message, then at its second, and so on
   * until it has no more, and checks the outcome each time.
   */
  async function atEachMessage<T>(
    cut: Omit<Cut, 'at'>,
    work: (at: number) => Promise<T>,
    look: (result: T, at: number, hasCut: boolean) => Promise<void>,
  ): Promise<number> {
    for (let at = 1; ; at++) {
      proxy.arm({ ...cut, at })
      const result = await work(at)
      const hasCut = proxy.disarm()
      await look(result, at, hasCut)
      if (!hasCut) return at - 1
    }
  }

  describe.each(['before', 'after'] as const)('%s the server gets a message', (when) => {
    it('leaves all of a load or nothing, whichever message it is, and says which of it is known', async () => {
      let loads = 0
      let doubts = 0
      const messages = await atEachMessage(
        { when },
        (at) => outcomeOf(load(destination, `load-${at}`, ROWS, { rejects: REJECTS })),
        async (outcome, at, hasCut) => {
          expect(outcome === 'done').toBe(!hasCut)
          if (outcome === 'COMMIT_IN_DOUBT') doubts++
          expect(outcome === 'COMMIT_IN_DOUBT').toBe(hasCut && proxy.queries.includes('COMMIT'))
          // Who asks the ledger gets the answer, however soon.
          const isThere = (await destination.ledger(TABLE)).some(({ loadId }) => loadId === `load-${at}`)
          if (isThere) loads++
          if (outcome !== 'COMMIT_IN_DOUBT') expect(isThere).toBe(outcome === 'done')
          expect(await counts()).toEqual([loads * 100, loads * 2, loads])
        },
      )
      expect(messages).toBeGreaterThan(10)
      expect(doubts).toBe(1)
      expect(loads).toBe(when === 'after' ? 2 : 1)
    })

    it('is replaced, so that each load is done exactly once', async () => {
      await beginRetryingRun()
      await atEachMessage(
        { when },
        (at) => load(destination, `load-${at}`, ROWS, { rejects: REJECTS }),
        async (loaded, at) => {
          expect(await counts()).toEqual([at * 100, at * 2, at])
          expect((await destination.ledger(TABLE)).at(-1)).toEqual(loaded)
        },
      )
    })

    it('is replaced when days are replaced', async () => {
      await beginRetryingRun()
      const mode = { kind: 'replace-days', firstDay: DAY, lastDay: DAY } as const
      await atEachMessage(
        { when },
        (at) => load(destination, `load-${at}`, manyRows(100 + at, DAY), { mode }),
        async (_, at) => expect(await counts()).toEqual([100 + at, 0, at]),
      )
    })

    it('is replaced when columns are added', async () => {
      await beginRetryingRun()
      const names = (await destination.columns(TABLE)).map(({ name }) => name)
      await atEachMessage(
        { when },
        async (at) => {
          const added = [property(`one_${at}`), property(`other_${at}`, 'json')]
          await destination.addColumns(TABLE, newColumns(added))
          names.push(...added.map(({ name }) => name))
        },
        async () => expect((await destination.columns(TABLE)).map(({ name }) => name)).toEqual(names),
      )
    })

    it('is replaced when views are created', async () => {
      await beginRetryingRun()
      await load(destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      const viewsOf = (at: number) =>
        ['one', 'other'].map((name) => ({
          name,
          query: `SELECT name, ${at} AS round FROM ${destination.pathInViews(TABLE)}`,
        }))
      await atEachMessage(
        { when },
        (at) => destination.putViews(viewsOf(at)),
        async (_, at) => expect(await sql(`SELECT round FROM ${path('other')}`)).toEqual([{ round: at }]),
      )
    })

    it('while the destination opens leaves it closed, and it opens at the next attempt', async () => {
      const messages = await atEachMessage(
        { when },
        async (at) => {
          const options = {
            url: proxy.url,
            schema: `open_${at}_${crypto.randomUUID()}`,
            engine,
            workDirectory: directory,
          }
          const opened = new Warehouse(new PostgresDriver(options), { engine })
          return { opened, outcome: await outcomeOf(opened.open(unaborted())) }
        },
        async ({ opened, outcome }, _, hasCut) => {
          if (hasCut) {
            expect(['DESTINATION_UNAVAILABLE', 'COMMIT_IN_DOUBT', 'done']).toContain(outcome)
            if (outcome !== 'done') await expectFailure(opened.ledger(TABLE), 'DESTINATION_FAILED')
            await opened.open(unaborted())
          }
          expect(await opened.ledger(TABLE)).toEqual([])
          await opened[Symbol.asyncDispose]()
        },
      )
      expect(messages).toBeGreaterThan(5)
    })
  })

  it('in the middle of many rows leaves nothing of them', async () => {
    for (const at of [8, 14, 20]) {
      proxy.arm({ at, when: 'before', countsRows: true })
      const loading = load(destination, 'load-1', manyRows(600_000, DAY))
      const failure = await expectFailure(loading, 'DESTINATION_UNAVAILABLE')
      expect(failure.cause).toBeInstanceOf(Error)
      await destination.ledger(TABLE)
      expect(await counts()).toEqual([0, 0, 0])
    }
    await load(destination, 'load-1', ROWS)
    expect(await counts()).toEqual([100, 0, 1])
  })

  it('on the client’s side only is ended on the server, with its locks, before anything else is done', async () => {
    await beginRetryingRun()
    for (const when of ['before', 'after'] as const) {
      await atEachMessage(
        { when, leavesServer: true },
        (at) => load(destination, `load-${when}-${at}`, ROWS, { mode: { kind: 'replace-table' } }),
        async ({ loadId }) => {
          expect((await destination.ledger(TABLE)).filter((record) => record.loadId === loadId)).toHaveLength(1)
        },
      )
    }
    expect(await sql(`SELECT count(*) AS count FROM ${path(TABLE)}`)).toEqual([{ count: 100n }])
  })

  it('while it is idle is replaced at the next call', async () => {
    await beginRetryingRun()
    await load(destination, 'load-1', ROWS)
    await sql(`SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND application_name LIKE 'mixload ${process.pid}@%'`)
    await load(destination, 'load-2', ROWS)
    expect(await counts()).toEqual([200, 0, 2])
    proxy.refuse(true)
    proxy.refuse(false)
    await load(destination, 'load-3', ROWS)
    expect(await counts()).toEqual([300, 0, 3])
  })

  it('for longer fails each call with a code that says so, until the server is back', async () => {
    proxy.refuse(true)
    for (let time = 0; time < 3; time++) {
      await expectFailure(load(destination, 'load-1', ROWS), 'DESTINATION_UNAVAILABLE')
      await expectFailure(destination.ledger(TABLE), 'DESTINATION_UNAVAILABLE')
      await expectFailure(destination.addColumns(TABLE, newColumns([property('x')])), 'DESTINATION_UNAVAILABLE')
    }
    proxy.refuse(false)
    await load(destination, 'load-1', ROWS)
    expect(await counts()).toEqual([100, 0, 1])
  })

  it('lets another run in, and then is busy', async () => {
    proxy.refuse(true)
    await expectFailure(destination.ledger(TABLE), 'DESTINATION_UNAVAILABLE')
    proxy.refuse(false)
    await using direct = warehouse(url)
    await direct.open(unaborted())
    await load(direct, 'load-1', ROWS)
    for (const call of [destination.ledger(TABLE), load(destination, 'load-2', ROWS)]) {
      expect((await expectFailure(call, 'DESTINATION_BUSY')).message).toContain(`mixload ${process.pid}@`)
    }
    await direct[Symbol.asyncDispose]()
    await load(destination, 'load-2', ROWS)
    expect(await counts()).toEqual([200, 0, 2])
  })

  it('does not prevent closing', async () => {
    proxy.refuse(true)
    await destination[Symbol.asyncDispose]()
    await expectFailure(destination.ledger(TABLE), 'CLOSED')
  })
})

describe('a Postgres server that is restarted', () => {
  it('between loads and during one costs nothing but time', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    const engine = await newEngine(directory)
    // What the server reports as committed is then on its way to the disk.
    const server = await startPostgres({ settings: { synchronous_commit: 'on' } })
    try {
      const warehouse = (retries?: Retries) => {
        const options = { url: server.url, schema: 'mixpanel', engine, workDirectory: directory }
        return new Warehouse(new PostgresDriver(options), { engine, retries })
      }
      {
        await using retrying = warehouse(AGAIN)
        await retrying.open(unaborted())
        await makeTable(retrying)
        await load(retrying, 'load-1', ROWS)
        await server.restart()
        await load(retrying, 'load-2', ROWS)
      }
      await using destination = warehouse()
      await destination.open(unaborted())
      const loading = failureOf(load(destination, 'load-3', manyRows(3_000_000, DAY)))
      await new Promise((resolve) => setTimeout(resolve, 100))
      await server.restart()
      expect((await loading).code).toBe('DESTINATION_UNAVAILABLE')
      await load(destination, 'load-3', ROWS)
      expect((await destination.ledger(TABLE)).map(({ loadId }) => loadId)).toEqual(['load-1', 'load-2', 'load-3'])
      expect(
        await withClient(server.url, (client) => query(client, 'SELECT count(*) AS n FROM mixpanel.things')),
      ).toEqual([{ n: 300n }])
    } finally {
      await server.stop()
      await engine[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    }
  })
})
