import { expect, it } from 'vitest'
import { Workplace } from './run-mixload.ts'

// Days are loaded in their order, and the first one decides the types.
const FIRST = '2026-02-28'
const DAY = '2026-03-01'
const NOON = Date.parse(`${DAY}T12:00:00Z`)
const BEFORE = -86_400_000
const LOAD = ['backfill', '--from', FIRST, '--to', DAY]
const long = 'x'.repeat(100)

function event(at: number, properties: object) {
  return { event: 'E', properties: { time: NOON + at, distinct_id: `p${at}`, $insert_id: `i${at}`, ...properties } }
}

it('the end of a run and status name values that do not fit, with their number and one of them', async () => {
  await using place = await Workplace.create()
  await place.simulator.ingest([
    event(BEFORE, { price: 1.5, paid: true, lone: 'a', note: 1 }),
    event(2, { price: 'free', paid: 'yes', lone: 'b\u0000' }),
    event(3, { price: 'free' }),
    event(4, { price: 'free', note: long }),
    event(5, { note: 'n' }),
  ])
  place.simulator.profiles.set('ada', { age: 1 })
  place.simulator.profiles.set('bob', { age: 'old\u001b[2J' })
  const load = [...LOAD, '--streams', 'export,engage']
  const { stdout, code } = await place.run(load)
  expect(code).toBe(0)
  expect(stdout).toContain("export: price: 3 values are not numbers, such as 'free'; see price__text")
  expect(stdout).toContain("export: paid: 1 value is neither true nor false, such as 'yes'; see paid__text")
  expect(stdout).toMatch(/export: lone: 1 value has characters that cannot be stored, such as .*; see lone__text/)
  expect(stdout).not.toContain(long)
  expect(stdout).not.toContain('\u001b[2J')
  const status = await place.run(['status', '--streams', 'export,engage'])
  expect(status.stdout).toMatch(
    /^ {2}type conflict of price: 3 values are not numbers, such as 'free'; see price__text \(in the load of 20..-..-..\)$/m,
  )
  expect(status.stdout).toContain('type conflict of age: 1 value is not a number')
  const again = await place.run([...load, '--json'])
  const [events] = again.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(events.type_conflicts).toEqual({})
  // The whole table is read again, and now all values fit.
  place.simulator.profiles.set('bob', { age: 2 })
  await place.run(['sync', '--streams', 'engage'])
  const later = await place.run(['status', '--streams', 'export,engage', '--json'])
  const statuses = later.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(statuses.find(({ stream }) => stream === 'engage').type_conflicts).toEqual({})
  expect(statuses.find(({ stream }) => stream === 'export').type_conflicts.price).toEqual({
    count: 3,
    example: 'free',
    type: 'double',
    in: 'price__text',
  })
})

it('values of a table that is full are in _more', async () => {
  await using place = await Workplace.create()
  const properties = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`p${at}`, at]))
  await place.simulator.ingest([event(BEFORE, properties), event(1, { p0: 'text' })])
  const { stdout } = await place.run([...LOAD, '--streams', 'export', '--max-columns', '20'])
  expect(stdout).toContain("export: p0: 1 value is not a number, such as 'text'; see _more")
  const [found] = await place.query(`SELECT row_count FROM _mixload_more WHERE property = 'p0'`)
  expect(Number(found?.row_count)).toBe(1)
})
