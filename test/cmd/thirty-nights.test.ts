import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { command as backfill } from '../../cmd/backfill.ts'
import type { Command } from '../../cmd/command.ts'
import type { Output } from '../../cmd/output.ts'
import { command as sync } from '../../cmd/sync.ts'
import { resolveSettings } from '../../lib/settings.ts'
import { addDays, type Day, dayAt, daysOf } from '../../lib/time/days.ts'
import { Dice, type Mixpanel, newMixpanel } from './moving-project.ts'

const FIRST = '2026-02-20'
const NIGHTS = 30
const WINDOW = 5

/** Half past four, on the day after `day`. */
const nightAfter = (day: Day) => Date.parse(`${addDays(day, 1)}T04:30:00Z`)

/** What a run printed as JSON, one result per stream. */
interface Ran {
  readonly code: number
  readonly results: readonly Record<string, unknown>[]
}

/** A warehouse, and runs on it in this process, whose clock the test sets. */
class Warehouse {
  readonly #directory: string
  readonly #more: Readonly<Record<string, unknown>>

  constructor(directory: string, more: Readonly<Record<string, unknown>>) {
    this.#directory = directory
    this.#more = more
  }

  async run(command: Command, mixpanel: Mixpanel, more: Readonly<Record<string, unknown>> = {}): Promise<Ran> {
    await using simulator = await mixpanel.simulator()
    const settings = resolveSettings(
      {
        destination: `duckdb:${join(this.#directory, 'warehouse.duckdb')}`,
        apiUrl: simulator.url,
        projectId: simulator.credentials.projectId,
        stateDir: join(this.#directory, 'state'),
        spoolDir: join(this.#directory, 'spool'),
        requestsPerHour: 0,
        requestsPerSecond: 0,
        queryRequestsPerHour: 0,
        queryRequestsAtOnce: 0,
        attributionWindow: WINDOW,
        funnelWindow: 10,
        // What disappears is a good part of the small tables.
        maxRemoved: '100%',
        ...this.#more,
        ...more,
      },
      {
        serviceAccount: simulator.credentials.serviceAccount.user,
        serviceAccountSecret: simulator.credentials.serviceAccount.secret,
      },
      {},
    )
    const results: Record<string, unknown>[] = []
    const output: Output = {
      print() {},
      summary() {},
      settingsRead() {},
      sendingStarted() {},
      json: (value) => results.push(value as Record<string, unknown>),
      onProgress() {},
      fail(error) {
        throw error
      },
      end() {},
    }
    const { signal } = new AbortController()
    return { code: await command.run({ settings, flags: {}, words: [], output, signal }), results }
  }

  async rows(sql: string): Promise<readonly unknown[]> {
    const path = join(this.#directory, 'warehouse.duckdb')
    const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
    try {
      const connection = await instance.connect()
      await connection.run("SET TimeZone = 'UTC'; SET search_path = 'mixpanel'")
      return (await connection.runAndReadAll(sql)).getRowObjectsJson()
    } finally {
      instance.closeSync()
    }
  }
}

const EVENT_COLUMNS = `CAST(_day AS VARCHAR) AS day, event, distinct_id, CAST(epoch_ms(time) AS DOUBLE) AS time,
  mp_insert_id AS id, CAST(mp_processing_time_ms AS DOUBLE) AS processed, n`

/** Everything that a reader sees, in the form of the model. */
async function seen(warehouse: Warehouse) {
  return {
    events: await warehouse.rows(`SELECT ${EVENT_COLUMNS} FROM export_latest ORDER BY id, day`),
    engage: await warehouse.rows('SELECT distinct_id AS id, plan FROM engage_latest ORDER BY 1'),
    cohorts: await warehouse.rows('SELECT CAST(id AS INTEGER) AS id, name FROM cohorts_latest ORDER BY 1'),
    members: await warehouse.rows(
      'SELECT CAST(cohort_id AS INTEGER) AS cohort, distinct_id AS id FROM cohort_members_latest ORDER BY 1, 2',
    ),
    annotations: await warehouse.rows(
      'SELECT CAST(id AS INTEGER) AS id, description FROM annotations_latest ORDER BY 1',
    ),
    funnels: await warehouse.rows(
      `SELECT CAST(date AS VARCHAR) AS day, CAST(starting_amount AS INTEGER) AS started,
        CAST(completion AS INTEGER) AS completed FROM funnels_latest ORDER BY 1`,
    ),
    steps: await warehouse.rows(
      `SELECT CAST(date AS VARCHAR) AS day, CAST(step AS INTEGER) AS step, CAST(count AS INTEGER) AS count
        FROM funnel_steps_latest ORDER BY 1, 2`,
    ),
    revenue: await warehouse.rows('SELECT CAST(date AS VARCHAR) AS day, amount FROM revenue_latest ORDER BY 1'),
  }
}

describe('thirty nights', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    // Only the clock: timers continue.
    vi.useFakeTimers({ toFake: ['Date'] })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await rm(directory, { recursive: true, force: true })
  })

  it.each(['append', 'replace'] as const)(
    'of data that arrives late, changes and disappears: with --write %s every view matches Mixpanel',
    async (write) => {
      const dice = new Dice(Number(process.env.MIXLOAD_TEST_SEED ?? 7))
      const mixpanel = newMixpanel(FIRST, dice)
      const warehouse = new Warehouse(directory, { write, sliceDays: write === 'append' ? 3 : 1 })
      vi.setSystemTime(nightAfter(FIRST))
      mixpanel.pass(FIRST)
      expect(await warehouse.run(backfill, mixpanel, { from: FIRST })).toMatchObject({ code: 0 })
      for (const day of daysOf(addDays(FIRST, 1), addDays(FIRST, NIGHTS))) {
        vi.setSystemTime(nightAfter(day))
        // What sync reads again: up to the day before, which is known to be whole.
        const windowFrom = addDays(day, -WINDOW)
        const arrived = mixpanel.pass(day, { windowFrom, disappears: write === 'replace' })
        const { code, results } = await warehouse.run(sync, mixpanel, { lateArrivals: true })
        expect(code).toBe(0)
        const night = `night after ${day}`
        expect(await seen(warehouse), night).toEqual(mixpanel.expected(day))
        if (write === 'replace') {
          const rows = await warehouse.rows(`SELECT ${EVENT_COLUMNS} FROM export ORDER BY id, processed, day`)
          expect(rows, night).toEqual(mixpanel.rawEvents(day))
        }
        expect(results[0]?.late, night).toEqual(write === 'replace' ? arrived.net : arrived.added)
      }
      expect(dayAt(Date.now())).toBe(addDays(FIRST, NIGHTS + 1))
      if (write === 'replace') return
      // However often a day was read, each row is there once.
      const [counts] = await warehouse.rows(
        'SELECT count(*) AS rows, count(DISTINCT (_day, _mixload_hash)) AS contents FROM export',
      )
      const { rows, contents } = counts as { readonly rows: string; readonly contents: string }
      expect(rows).toBe(contents)
    },
    600_000,
  )
})
