import { describe, expect, it } from 'vitest'
import { addDays } from '../../lib/time/days.ts'
import { farFromMidnight } from '../far-from-midnight.ts'
import { Workplace } from './run-mixload.ts'

await farFromMidnight()

const yesterday = addDays(new Date().toISOString().slice(0, 10), -1)
const daysAgo = (count: number) => addDays(yesterday, 1 - count)

function event(name: string, day: string, id: string, hour = 12) {
  const time = Date.parse(`${day}T00:00:00Z`) + hour * 3_600_000
  return { event: name, properties: { time, distinct_id: 'p', $insert_id: id } }
}

async function loaded(timezone = 'UTC') {
  const place = await Workplace.create({ timezone })
  const days = [6, 5, 4, 3].map(daysAgo)
  await place.simulator.ingest(days.flatMap((day) => [event('Seen', day, `a${day}`), event("it's", day, `b${day}`, 1)]))
  const ran = await place.run(['backfill', '--streams', 'export', '--from', daysAgo(6), '--to', daysAgo(2)])
  expect(ran).toMatchObject({ code: 0 })
  return place
}

describe('mixload verify', () => {
  it.each(['UTC', 'Asia/Tokyo'])(
    'finds no difference if the warehouse has what Mixpanel counts, in %s',
    async (zone) => {
      await using place = await loaded(zone)
      const ran = await place.run(['verify'])
      expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('0 differ') })
    },
  )

  it('ends with 4 if a day has more in Mixpanel, and names the day, the event and the numbers', async () => {
    await using place = await loaded()
    await place.simulator.ingest([event('Seen', daysAgo(5), 'late'), event('New', daysAgo(5), 'new')])
    const ran = await place.run(['verify', '--json'])
    expect(ran.code).toBe(4)
    expect(JSON.parse(ran.stdout)).toMatchObject({
      days: 5,
      requests: 2,
      differences: [
        { day: daysAgo(5), event: 'New', warehouse: 0, mixpanel: 1 },
        { day: daysAgo(5), event: 'Seen', warehouse: 1, mixpanel: 2 },
      ],
      uncounted: [],
    })
    expect(await place.run(['verify', '--tolerance', '50'])).toMatchObject({ code: 4 })
    const ofOne = await place.run(['verify', '--events', "it's", '--json'])
    expect(ofOne.code).toBe(0)
    expect(JSON.parse(ofOne.stdout)).toMatchObject({ differences: [], uncounted: [] })
    expect(await place.run(['verify', '--from', daysAgo(4)])).toMatchObject({ code: 0 })
  })

  it('--repair reads only those days again and replaces them', async () => {
    await using place = await loaded()
    await place.simulator.ingest([event('Seen', daysAgo(5), 'late')])
    const before = place.simulator.requests.length
    const ran = await place.run(['verify', '--repair'])
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('0 differ') })
    const requests = place.simulator.requests.slice(before).filter(({ path }) => path.endsWith('/export'))
    expect(requests.map(({ query }) => [query.from_date, query.to_date])).toEqual([[daysAgo(5), daysAgo(5)]])
    const rows = await place.query(`SELECT count(*) AS n FROM export WHERE _day = '${daysAgo(5)}'`)
    expect(rows).toEqual([{ n: 3n }])
    expect(await place.run(['verify'])).toMatchObject({ code: 0 })
  })

  it('--repair is refused together with --events, before anything is requested', async () => {
    await using place = await loaded()
    const before = place.simulator.requests.length
    const ran = await place.run(['verify', '--repair', '--events', 'Seen'])
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--repair replaces whole days') })
    expect(place.simulator.requests).toHaveLength(before)
  })

  it('says what to do if nothing has been loaded', async () => {
    await using place = await Workplace.create()
    expect(await place.run(['verify'])).toMatchObject({ code: 2, stderr: expect.stringContaining('mixload backfill') })
    expect(await place.run(['verify', '--tolerance', 'much'])).toMatchObject({ code: 2 })
  })
})
