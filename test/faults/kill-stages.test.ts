import { expect, it } from 'vitest'
import { ended, eventsOf, Workplace } from '../cmd/run-mixload.ts'
import { durationMs, killAt, type Stage, timedRun, withhold } from '../cmd/stages.ts'
import { WAREHOUSES, type Warehouse } from '../cmd/warehouses.ts'

const PER_DAY = 1000
/** Kills at each stage, for each destination. */
const ROUNDS = Number(process.env.MIXLOAD_TEST_STAGE_KILLS ?? 1)

interface KilledStage extends Stage {
  /** The kill comes at some moment of this part of the stage, from its beginning. */
  readonly part: number
}

const DOWNLOAD: Stage = { begins: 'slice-started', ends: 'slice-loading' }
const LOAD: Stage = { begins: 'slice-loading', ends: 'slice-loaded' }
const STAGES: Readonly<Record<string, KilledStage>> = {
  download: { ...DOWNLOAD, part: 0.1 },
  infer: { ...DOWNLOAD, part: 1 },
  evolve: { begins: 'columns-added', ends: 'slice-loading', part: 0 },
  load: { ...LOAD, part: 0.1 },
  commit: { ...LOAD, part: 1.2 },
  ledger: { begins: 'slice-loaded', ends: 'slice-loaded', part: 0 },
}

const DAYS = Array.from({ length: 15 }, (_, at) => `2026-03-${String(at + 1).padStart(2, '0')}`)
const [FIRST = '', SECOND = ''] = DAYS

/**
 * The last day of the run that is killed in a stage for the `nth` time: each stage has so many days
 * of its own.
 */
function lastDayOf(stage: number, nth: number): string {
  return DAYS[2 + nth * (stage + 1)] ?? ''
}

/** Rows by load, against what the ledger says of each. */
async function expectAgreement(warehouse: Warehouse): Promise<void> {
  const rows = Map.groupBy(await warehouse.events(), ({ loadId }) => loadId)
  expect(new Map([...rows].map(([id, events]) => [id, events.length]))).toEqual(await warehouse.ledger())
}

it.each(Object.entries(WAREHOUSES))(
  '%s holds every event once after being killed at each stage, and after every kill exactly what its ledger says',
  async (name, newWarehouse) => {
    await using place = await Workplace.create()
    for (const day of DAYS) {
      // A property that only this day has: a column is added before each load.
      await place.simulator.ingest(eventsOf(day, PER_DAY, { [`only on ${day}`]: 1, note: 'x'.repeat(200) }))
    }
    for (let round = 0; round < ROUNDS; round++) {
      const nth = 1 + (round % 2)
      await using warehouse = await newWarehouse(`${place.directory}/${round}`)
      const environment = place.environment({ MIXLOAD_DESTINATION: warehouse.url })
      const backfill = (to: string) =>
        place.start(['backfill', '--streams', 'export', '--timezone', 'UTC', '--from', FIRST, '--to', to], environment)
      // How long the stages take on this machine.
      const calm = await timedRun(backfill(SECOND))
      expect(calm.code, calm.stderr).toBe(0)
      for (const [at, stage] of Object.values(STAGES).entries()) {
        // The last day never arrives, so that the run cannot end before it is killed.
        const last = lastDayOf(at, nth)
        withhold(place, last)
        const waitMs = stage.part === 0 ? 0 : Math.random() * stage.part * durationMs(calm.moments, stage)
        expect(await killAt(backfill(last), stage.begins, nth, waitMs)).toBe(true)
        place.simulator.clearFaults()
        // Rows come before the ledger in BigQuery; the next run settles what a killed one left
        // between the two.
        if (name !== 'bigquery' && stage.begins === 'slice-loaded') await expectAgreement(warehouse)
      }
      const days = DAYS.slice(0, 3 + nth * Object.keys(STAGES).length)
      const last = await ended(backfill(days.at(-1) ?? ''))
      expect(last.code, last.stderr).toBe(0)
      await expectAgreement(warehouse)
      const events = await warehouse.events()
      expect(events).toHaveLength(days.length * PER_DAY)
      expect(new Set(events.map(({ insertId }) => insertId)).size).toBe(days.length * PER_DAY)
      expect((await warehouse.ledger()).size).toBe(days.length)
    }
  },
  Math.max(600_000, ROUNDS * 300_000),
)
