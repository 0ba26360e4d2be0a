import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { ended, eventsOf, Workplace } from '../cmd/run-mixload.ts'
import { WAREHOUSES, type Warehouse } from '../cmd/warehouses.ts'

const DAYS = Array.from({ length: 5 }, (_, at) => `2026-03-${String(at + 1).padStart(2, '0')}`)
const SPAN = ['backfill', '--streams', 'export', '--timezone', 'UTC', '--from', DAYS[0] ?? '', '--to', DAYS[4] ?? '']
const PER_DAY = 1500
/** Kills at each stage, for each destination. */
const ROUNDS = Number(process.env.MIXLOAD_TEST_STAGE_KILLS ?? 1)

interface Stage {
  /** The kind of event in the log that it begins with. */
  readonly begins: string
  /** It is about so long, in milliseconds: the kill comes at some moment of it. */
  readonly lasts: number
}

const STAGES: Readonly<Record<string, Stage>> = {
  download: { begins: 'slice-started', lasts: 5 },
  infer: { begins: 'slice-started', lasts: 60 },
  evolve: { begins: 'columns-added', lasts: 0 },
  load: { begins: 'slice-loading', lasts: 20 },
  commit: { begins: 'slice-loading', lasts: 200 },
  ledger: { begins: 'slice-loaded', lasts: 0 },
}

/** Kills a run when a stage has begun for the `nth` time. */
async function killAt(child: ChildProcess, { begins, lasts }: Stage, nth: number): Promise<void> {
  if (child.stderr === null) throw new TypeError('the log of the run is not there to be read')
  let count = 0
  for await (const line of createInterface({ input: child.stderr })) {
    if (!line.includes(`"kind":"${begins}"`) || ++count < nth) continue
    await sleep(Math.random() * lasts)
    child.kill('SIGKILL')
    return
  }
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
    let killed = 0
    for (let round = 0; round < ROUNDS; round++) {
      await using warehouse = await newWarehouse(`${place.directory}/${round}`)
      const environment = place.environment({ MIXLOAD_DESTINATION: warehouse.url })
      for (const stage of Object.values(STAGES)) {
        const child = place.start(SPAN, environment)
        const end = ended(child)
        await killAt(child, stage, round % 2 === 0 ? 1 : 2)
        if ((await end).code === null) killed++
        // Rows come before the ledger in BigQuery; the next run settles what a killed one left between the two.
        if (name !== 'bigquery' && stage.begins === 'slice-loaded') await expectAgreement(warehouse)
      }
      const last = await ended(place.start(SPAN, environment))
      expect(last.code, last.stderr).toBe(0)
      await expectAgreement(warehouse)
      const events = await warehouse.events()
      expect(events).toHaveLength(DAYS.length * PER_DAY)
      expect(new Set(events.map(({ insertId }) => insertId)).size).toBe(DAYS.length * PER_DAY)
      expect((await warehouse.ledger()).size).toBe(DAYS.length)
    }
    expect(killed).toBeGreaterThanOrEqual(ROUNDS * 3)
  },
  Math.max(240_000, ROUNDS * 120_000),
)
