import { expect, it } from 'vitest'
import { ended, eventsOf, Workplace } from './run-mixload.ts'

const DAYS = Array.from({ length: 10 }, (_, at) => `2026-03-${String(at + 1).padStart(2, '0')}`)
const SPAN = ['backfill', '--from', DAYS[0] ?? '', '--to', DAYS[9] ?? '']
const PER_DAY = 3000
const ROUNDS = Number(process.env.MIXLOAD_TEST_KILLS ?? 10)

it('holds every event once after being killed at random moments and run again', async () => {
  await using place = await Workplace.create()
  for (const day of DAYS) await place.simulator.ingest(eventsOf(day, PER_DAY, { note: 'x'.repeat(200) }))
  let killed = 0
  for (let round = 0; round < ROUNDS; round++) {
    const child = place.start(SPAN)
    // From the start of the process to about the end of a run that nobody disturbs.
    const timer = setTimeout(() => child.kill('SIGKILL'), 300 + Math.random() * 1500)
    const { code } = await ended(child)
    clearTimeout(timer)
    if (code === null) killed++
  }
  expect(killed).toBeGreaterThan(0)
  expect(await place.run(SPAN)).toMatchObject({ code: 0 })
  expect(
    await place.query(
      'SELECT CAST(_day AS VARCHAR) AS d, count(*) AS n, count(DISTINCT mp_insert_id) AS u FROM export GROUP BY 1 ORDER BY 1',
    ),
  ).toEqual(DAYS.map((d) => ({ d, n: BigInt(PER_DAY), u: BigInt(PER_DAY) })))
  expect(
    await place.query(
      `SELECT count(*) AS loads, sum(row_count)::BIGINT AS "rows",
         (SELECT count(*) FROM _mixload_loads l WHERE l.row_count <> (SELECT count(*) FROM export e WHERE e._load_id = l.load_id)) AS off
       FROM _mixload_loads`,
    ),
  ).toEqual([{ loads: 10n, rows: BigInt(10 * PER_DAY), off: 0n }])
})
