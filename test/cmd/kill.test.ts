import { expect, it } from 'vitest'
import { ended, eventsOf, Workplace } from './run-mixload.ts'
import { WAREHOUSES } from './warehouses.ts'

const DAYS = Array.from({ length: 10 }, (_, at) => `2026-03-${String(at + 1).padStart(2, '0')}`)
const SPAN = ['backfill', '--from', DAYS[0] ?? '', '--to', DAYS[9] ?? '']
const PER_DAY = 3000
const ROUNDS = Number(process.env.MIXLOAD_TEST_KILLS ?? 10)

it.each(Object.entries(WAREHOUSES))(
  '%s holds every event once after being killed at random moments and run again',
  async (_, newWarehouse) => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    for (const day of DAYS) await place.simulator.ingest(eventsOf(day, PER_DAY, { note: 'x'.repeat(200) }))
    const environment = place.environment({ MIXLOAD_DESTINATION: warehouse.url })
    let killed = 0
    for (let round = 0; round < ROUNDS; round++) {
      const child = place.start(SPAN, environment)
      // From the start of the process to about the end of a run that nobody disturbs; later by and by, since a first run
      // that comes to its end leaves nothing to be killed in.
      const timer = setTimeout(() => child.kill('SIGKILL'), 300 + (Math.random() * 1500 * (round + 1)) / ROUNDS)
      const { code } = await ended(child)
      clearTimeout(timer)
      if (code === null) killed++
    }
    expect(killed).toBeGreaterThan(0)
    const last = await ended(place.start(SPAN, environment))
    expect(last.code, last.stderr).toBe(0)

    const events = await warehouse.events()
    const perDay = Map.groupBy(events, ({ day }) => day)
    expect([...perDay.keys()].toSorted()).toEqual(DAYS)
    for (const rows of perDay.values()) {
      expect(rows).toHaveLength(PER_DAY)
      expect(new Set(rows.map(({ insertId }) => insertId)).size).toBe(PER_DAY)
    }
    const perLoad = Map.groupBy(events, ({ loadId }) => loadId)
    expect(await warehouse.ledger()).toEqual(new Map([...perLoad].map(([id, rows]) => [id, rows.length])))
    expect(perLoad.size).toBe(DAYS.length)
  },
)
