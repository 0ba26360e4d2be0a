import { describe, expect, it } from 'vitest'
import { ended, eventsOf, Workplace } from './run-mixload.ts'
import { killAt } from './stages.ts'
import { WAREHOUSES, type Warehouse } from './warehouses.ts'

const DAYS = ['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04', '2026-03-05', '2026-03-06']
const [FIRST = '', LAST = ''] = [DAYS[0], DAYS.at(-1)]
const PER_DAY = 300
const BACKFILL = ['backfill', '--timezone', 'UTC', '--from', FIRST, '--to', LAST]

/** A simulator with events that were sent three times each. */
async function place(): Promise<Workplace> {
  const place = await Workplace.create()
  for (const day of DAYS) {
    for (const at of [1, 2, 3]) {
      const processed = Date.parse(`${day}T00:00:00Z`) + 90_000_000 + at
      await place.simulator.ingest(eventsOf(day, PER_DAY, { mp_processing_time_ms: processed, attempt: at }))
    }
  }
  return place
}

/** Each event is there once, on its day. */
async function expectTidy(warehouse: Warehouse): Promise<void> {
  const events = await warehouse.events()
  expect(events).toHaveLength(DAYS.length * PER_DAY)
  expect(new Set(events.map(({ insertId }) => insertId)).size).toBe(DAYS.length * PER_DAY)
  expect([...new Set(events.map(({ day }) => day))].toSorted()).toEqual(DAYS)
}

describe.each(Object.entries(WAREHOUSES))('mixload tidy on %s', (_, newWarehouse) => {
  it('removes copies of events, says how many, and finds nothing more after that', async () => {
    await using workplace = await place()
    await using warehouse = await newWarehouse(workplace.directory)
    const environment = { MIXLOAD_DESTINATION: warehouse.url }
    const run = (...args: readonly string[]) => workplace.run(args, environment)
    expect(await run(...BACKFILL)).toMatchObject({ code: 0 })
    const status = await run('status', '--json')
    const rows = DAYS.length * PER_DAY * 2

    const planned = await run('tidy', '--dry-run')
    expect(planned).toMatchObject({ code: 0, stderr: '' })
    expect(planned.stdout).toMatch(new RegExp(`^export: ${rows} rows, about [\\d.]+ [kM]B, on 6 days can be removed`))
    expect(await warehouse.events()).toHaveLength(DAYS.length * PER_DAY * 3)

    const done = await run('tidy')
    expect(done.code, done.stderr).toBe(0)
    expect(done.stdout).toMatch(new RegExp(`^export: ${rows} rows, about [\\d.]+ [kM]B, on 6 days were removed`))
    // A line for the table, and none for each day.
    expect(done.stderr.trim().split('\n')).toHaveLength(1)
    expect(done.stderr).toContain(`export: removing ${rows} rows of 6 days`)
    await expectTidy(warehouse)
    expect(await run('tidy')).toMatchObject({ code: 0, stdout: 'There is nothing to tidy.\n' })
    expect(await run('tidy', '--json')).toMatchObject({ code: 0, stdout: '[]\n' })
    expect(await run('status', '--json')).toMatchObject({ code: 0, stdout: status.stdout })
    // Nothing is missing, so nothing is loaded again.
    expect(await run(...BACKFILL)).toMatchObject({ code: 0 })
    await expectTidy(warehouse)
  })

  it('that is killed is completed by the next run', async () => {
    await using workplace = await place()
    await using warehouse = await newWarehouse(workplace.directory)
    const environment = workplace.environment({ MIXLOAD_DESTINATION: warehouse.url })
    const start = (...args: readonly string[]) => workplace.start(args, environment)
    const loaded = await ended(start(...BACKFILL))
    expect(loaded.code, loaded.stderr).toBe(0)
    const ledger = await warehouse.ledger()
    const killed: boolean[] = []
    for (const waitMs of [0, 30, 100]) killed.push(await killAt(start('tidy'), 'tidy-started', 1, waitMs))
    expect(killed).toContain(true)
    const last = await ended(start('tidy'))
    expect(last.code, last.stderr).toBe(0)
    await expectTidy(warehouse)
    // Every day has its note, although a run was killed, and the loads say what they loaded.
    const notes = [...(await warehouse.ledger())].filter(([id]) => !ledger.has(id))
    expect(notes.length).toBeGreaterThanOrEqual(DAYS.length)
    expect(notes.map(([, rows]) => rows)).toEqual(notes.map(() => 0))
  })
})

describe('mixload tidy', () => {
  it('says so and creates nothing if nothing has been loaded', async () => {
    await using workplace = await Workplace.create()
    const ran = await workplace.run(['tidy'])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('has no tables yet. Run mixload backfill first.')
    await expect(workplace.query('SELECT 1')).rejects.toThrow()
  })

  it('says so if the destination cannot remove rows', async () => {
    await using workplace = await Workplace.create()
    const ran = await workplace.run(['tidy', '--destination', 'memory:'])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('memory: cannot remove rows, so it cannot be tidied.')
  })

  it('refuses another project, and a first day after the last one', async () => {
    await using workplace = await place()
    expect(await workplace.run(BACKFILL)).toMatchObject({ code: 0 })
    const refused = await workplace.run(['tidy', '--dry-run', '--project-id', '2000'])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('A schema holds one project')
    const days = await workplace.run(['tidy', '--from', LAST, '--to', FIRST])
    expect(days.code).toBe(2)
    expect(days.stderr).toContain(`--from ${LAST} is after the last day, ${FIRST}.`)
  })

  it('speaks of one row in the singular', async () => {
    await using workplace = await Workplace.create()
    const late = Date.parse(`${FIRST}T00:00:00Z`) + 180_000_000
    await workplace.simulator.ingest(eventsOf(FIRST, 1))
    await workplace.simulator.ingest(eventsOf(FIRST, 1, { mp_processing_time_ms: late, attempt: 2 }))
    expect(await workplace.run(['backfill', '--timezone', 'UTC', '--from', FIRST, '--to', FIRST])).toMatchObject({
      code: 0,
    })
    const { stdout } = await workplace.run(['tidy'])
    expect(stdout).toMatch(/^export: 1 row(?:, about [\d.]+ [kM]B,)? on 1 day was removed\n$/)
  })

  it('removes rows that a load knows when it reads them again', async () => {
    await using workplace = await place()
    expect(await workplace.run(BACKFILL)).toMatchObject({ code: 0 })
    expect(await workplace.run(['tidy'])).toMatchObject({ code: 0 })
    await workplace.simulator.ingest(eventsOf(LAST, 1, { $insert_id: 'late', distinct_id: 'late' }))
    const again = ['sync', '--timezone', 'UTC', '--from', FIRST, '--to', LAST, '--attribution-window', '6']
    expect(await workplace.run(again)).toMatchObject({ code: 0 })
    expect(await workplace.query('SELECT count(*)::INTEGER AS n FROM export')).toEqual([
      { n: DAYS.length * PER_DAY + 1 },
    ])
  })

  it('shows the same rows to every view as before', async () => {
    await using workplace = await place()
    expect(await workplace.run(BACKFILL)).toMatchObject({ code: 0 })
    const shown = () => workplace.query('SELECT * EXCLUDE (_mixload_row) FROM export_latest ORDER BY event_id')
    const before = await shown()
    expect(before).toHaveLength(DAYS.length * PER_DAY)
    expect(await workplace.run(['tidy', '--json', '--from', '2026-03-05'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`"rows":${2 * 2 * PER_DAY}`),
    })
    expect(await workplace.run(['tidy'])).toMatchObject({ code: 0 })
    expect(await shown()).toEqual(before)
  })
})
