import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { addDays, dayAt } from '../../lib/time/days.ts'
import { farFromMidnight } from '../far-from-midnight.ts'
import { Workplace } from './run-mixload.ts'
import { WAREHOUSES } from './warehouses.ts'

await farFromMidnight()

const TOKEN = { MIXPANEL_TOKEN: 'a-token' }
const TODAY = dayAt(Date.now())
const [DAY, NEXT] = [addDays(TODAY, -4), addDays(TODAY, -3)]
const [D1, D2] = [randomUUID(), randomUUID()]

type Event = readonly [day: string, name: string, properties: object]

/** Sends these events to Mixpanel in this order. */
async function send(place: Workplace, events: readonly Event[]): Promise<void> {
  const lines = events.map(([day, event, properties], at) => {
    const time = Date.parse(`${day}T00:00:00Z`) + at
    return JSON.stringify({ event, properties: { time, $insert_id: `${day}-${at}`, ...properties } })
  })
  const path = join(place.directory, 'events.ndjson')
  await writeFile(path, lines.join('\n'))
  expect(await place.run(['import', path], TOKEN)).toMatchObject({ code: 0 })
}

const identify = (day: string, device: string, user: string): Event => [
  day,
  '$identify',
  { $anon_id: device, $identified_id: user, distinct_id: user },
]

// Exports have the ids that were sent, as long as Mixpanel has not moved the events.
const rekeySeconds = 3600
const LOAD = ['backfill', '--from', DAY, '--streams', 'export']

it.each(Object.entries(WAREHOUSES))('people in %s are counted as in reports after merging ids', async (_, open) => {
  await using place = await Workplace.create({ identity: 'original', rekeySeconds, token: 'a-token' })
  await using warehouse = await open(place.directory)
  const environment = { MIXLOAD_DESTINATION: warehouse.url }
  await send(place, [
    [DAY, 'Visit', { distinct_id: D1 }],
    identify(DAY, D1, 'ann'),
    [DAY, 'Visit', { distinct_id: 'ann' }],
    [DAY, 'Visit', { distinct_id: 'bob' }],
    [NEXT, 'Visit', { distinct_id: D2 }],
    [NEXT, 'Visit', { distinct_id: 'bob' }],
  ])
  expect(await place.run(LOAD, environment)).toMatchObject({ code: 0 })
  const same = await place.run(['verify', '--people'], environment)
  expect(same).toMatchObject({ code: 0, stdout: expect.stringContaining('3 numbers of people compared, 0 differ') })
  // Without merging ids, three ids would have visited on the first day.
  await send(place, [identify(TODAY, D2, 'bob')])
  const ran = await place.run(['verify', '--people', '--json'], environment)
  const difference = { day: NEXT, event: 'Visit', warehouse: 2, mixpanel: 1, ids: 2, cause: 'unknown-links' }
  expect(JSON.parse(ran.stdout)).toMatchObject({ differences: [], people: { compared: 3, differences: [difference] } })
  expect(ran.code).toBe(4)
  const shown = await place.run(['verify', '--people'], environment)
  expect(shown.stdout).toContain(`${NEXT}  Visit: 2 people in the warehouse, 1 in Mixpanel: Mixpanel knows links`)
  expect(await place.run(['verify'], environment)).toMatchObject({ code: 0 })
})

it('people are counted as in reports with simplified id merge, and events that differ are named as the cause', async () => {
  await using place = await Workplace.create({ identity: 'simplified', rekeySeconds, token: 'a-token' })
  await send(place, [
    [DAY, 'Visit', { $device_id: D1 }],
    [DAY, 'Visit', { $device_id: D2 }],
    [DAY, 'Log in', { $device_id: D1, $user_id: 'ann' }],
    [DAY, 'Visit', { $user_id: 'ann' }],
  ])
  expect(await place.run(LOAD)).toMatchObject({ code: 0 })
  expect(await place.run(['verify', '--people'])).toMatchObject({ code: 0 })
  await send(place, [[DAY, 'Visit', { $user_id: 'late' }]])
  const ran = await place.run(['verify', '--people', '--json'])
  expect(JSON.parse(ran.stdout)).toMatchObject({
    people: { differences: [{ event: 'Visit', warehouse: 2, mixpanel: 3, cause: 'events' }] },
  })
  expect(ran.code).toBe(4)
})
