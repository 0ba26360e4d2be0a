import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { addDays, dayAt } from '../../lib/time/days.ts'
import { Workplace } from './run-mixload.ts'

const UUIDS = Array.from({ length: 4 }, () => randomUUID())
const [D1, D2, D3, D4] = UUIDS as [string, string, string, string]
const DAY = addDays(dayAt(Date.now()), -2)

/** Sends these events to Mixpanel one after the other, and loads them. */
async function loaded(place: Workplace, events: readonly (readonly [string, object])[]) {
  for (const [at, [event, properties]] of events.entries()) {
    const time = Date.parse(`${DAY}T12:00:00Z`) + at
    const path = join(place.directory, 'events.ndjson')
    await writeFile(path, JSON.stringify({ event, properties: { time, $insert_id: `i-${at}`, ...properties } }))
    expect(await place.run(['import', path], { MIXPANEL_TOKEN: 'a-token' })).toMatchObject({ code: 0 })
  }
  expect(await place.run(['backfill', '--from', DAY, '--streams', 'export'])).toMatchObject({ code: 0 })
  const rows = await place.query('SELECT original_id, resolved_id FROM identities')
  return Object.fromEntries(rows.map((row) => [row.original_id, row.resolved_id]))
}

// Exports have the ids that were sent, as long as Mixpanel has not moved the events.
const rekeySeconds = 3600

it('the view identities has the links of a project with original id merge, and not those that Mixpanel refused', async () => {
  await using place = await Workplace.create({ identity: 'original', rekeySeconds, token: 'a-token' })
  const identify = (anon: string, user: string) =>
    ['$identify', { $anon_id: anon, $identified_id: user, distinct_id: user }] as const
  const found = await loaded(place, [
    ['Visit', { distinct_id: D1 }],
    identify(D1, 'ann'),
    identify(D2, 'ann'),
    identify(D1, 'bob'),
    identify('not-a-uuid', 'bob'),
    ['$create_alias', { alias: 'ann@example.com', distinct_id: 'ann' }],
    identify(D3, 'cem'),
    ['$merge', { $distinct_ids: ['cem', 'dan'], distinct_id: 'server' }],
  ])
  expect(found).toEqual({ [D1]: 'ann', [D2]: 'ann', 'ann@example.com': 'ann', [D3]: 'cem', dan: 'cem' })
})

it('the view identities has the devices of a project with simplified id merge', async () => {
  await using place = await Workplace.create({ identity: 'simplified', rekeySeconds, token: 'a-token' })
  const found = await loaded(place, [
    ['Visit', { $device_id: D1 }],
    ['Log in', { $device_id: D1, $user_id: 'ann' }],
    ['Visit', { $device_id: D2 }],
    ['Log in', { $device_id: D2, $user_id: 'ann' }],
    ['Log in', { $device_id: D2, $user_id: 'bob' }],
    ['Visit', { $device_id: D3 }],
    ['Log in', { $user_id: 'bob', $device_id: D4 }],
  ])
  expect(found).toEqual({ [`$device:${D1}`]: 'ann', [`$device:${D2}`]: 'ann', [`$device:${D4}`]: 'bob' })
})
