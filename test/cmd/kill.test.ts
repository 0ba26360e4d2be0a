import { expect, it } from 'vitest'
import { ended, eventsOf, Workplace } from './run-mixload.ts'
import { durationMs, killAfter, timedRun, withhold } from './stages.ts'
import { WAREHOUSES } from './warehouses.ts'

const DAYS = Array.from({ length: 10 }, (_, at) => `2026-03-${String(at + 1).padStart(2, '0')}`)
const [FIRST = '', LAST = ''] = [DAYS[0], DAYS.at(-1)]
const PER_DAY = 3000
const KILLS = Number(process.env.MIXLOAD_TEST_KILLS ?? 10)
/** After this many kills nearly everything is loaded, and little is left to kill. */
const KILLS_EACH = 10

it.each(Object.entries(WAREHOUSES))(
  '%s holds every event once after being killed at random moments and run again',
  async (_, newWarehouse) => {
    await using place = await Workplace.create()
    for (const day of DAYS) await place.simulator.ingest(eventsOf(day, PER_DAY, { note: 'x'.repeat(200) }))
    for (let kills = 0; kills < KILLS; kills += KILLS_EACH) {
      await using warehouse = await newWarehouse(`${place.directory}/${kills}`)
      const environment = place.environment({ MIXLOAD_DESTINATION: warehouse.url })
      const backfill = (to: string) => place.start(['backfill', '--from', FIRST, '--to', to], environment)

      // How long it takes on this machine, as a run of one day shows.
      const calm = await timedRun(backfill(FIRST))
      expect(calm.code, calm.stderr).toBe(0)
      const startMs = durationMs(calm.moments, { ends: 'slice-started' })
      const dayMs = durationMs(calm.moments, { begins: 'slice-started', ends: 'slice-loaded' })
      // The last day never arrives, so that no run can end before it is killed.
      withhold(place, LAST)
      for (let round = 0; round < KILLS_EACH; round++) {
        // From the start of the process to about the end of the second day that it loads.
        expect(await killAfter(backfill(LAST), Math.random() * (startMs + 2 * dayMs))).toBe(true)
      }
      place.simulator.clearFaults()
      const last = await ended(backfill(LAST))
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
    }
  },
  Math.max(600_000, KILLS * 60_000),
)
