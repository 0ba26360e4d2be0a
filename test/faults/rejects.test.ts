import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exceeds, parseRowLimit } from '../../lib/core/row-limit.ts'
import { type Ran, Workplace } from '../cmd/run-mixload.ts'
import { bodyOf, dayAt } from './day-events.ts'
import { FaultServer, whole } from './fault-server.ts'

const PER_DAY = 50

/** `mixload backfill` of three days, the second of which holds lines that are not events. */
async function backfill(place: Workplace, bad: readonly string[], args: readonly string[]): Promise<Ran> {
  await using server = await FaultServer.start(({ day }) => {
    const strange = day === dayAt(1) ? bad.map((line) => `${line}\n`).join('') : ''
    return whole(strange + bodyOf(day, PER_DAY), { framing: 'chunked', gzip: true })
  })
  const span = ['backfill', '--streams', 'export', '--timezone', 'UTC', '--from', dayAt(0), '--to', dayAt(2)]
  return await place.run([...span, ...args], { MIXPANEL_API_URL: server.url })
}

const BAD = ['[]', '{"event":1,"properties":{}}', '{"event":"E"}', '[]', 'oops']

async function counts(place: Workplace): Promise<readonly unknown[]> {
  const loads = await place.query(
    'SELECT row_count AS rows, reject_count AS rejects FROM _mixload_loads ORDER BY first_day',
  )
  const rows = await place.query('SELECT count(*) AS n FROM export')
  const rejects = await place.query('SELECT count(*) AS n FROM _mixload_rejects')
  return [
    loads.map(({ rows: count, rejects: bad }) => [Number(count), Number(bad)]),
    Number(rows[0]?.n),
    Number(rejects[0]?.n),
  ]
}

describe('lines that are not events', () => {
  it('are counted, kept with their reasons, and make the exit code 3', async () => {
    await using place = await Workplace.create()
    expect(await backfill(place, BAD, [])).toMatchObject({ code: 3 })
    expect(await counts(place)).toEqual([
      [
        [50, 0],
        [50, 5],
        [50, 0],
      ],
      150,
      5,
    ])
    const kept = await place.query('SELECT line, reason FROM _mixload_rejects')
    expect(kept.map(({ line }) => line).toSorted()).toEqual(BAD.toSorted())
    expect(kept.filter(({ reason }) => String(reason) === '')).toEqual([])
  })

  it.each(['4', '9%', '0'])(
    'beyond --max-rejects %s stop the run before anything of their day is loaded',
    async (most) => {
      await using place = await Workplace.create()
      const ran = await backfill(place, BAD, ['--max-rejects', most])
      expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('TOO_MANY_REJECTS') })
      expect(ran.stdout).toContain('not a JSON object ("[]"); not an event: its "event" is not a text')
      expect(await counts(place)).toEqual([[[50, 0]], 50, 0])
    },
  )

  it.each(['5', '10%'])('up to --max-rejects %s do not', async (most) => {
    await using place = await Workplace.create()
    expect(await backfill(place, BAD, ['--max-rejects', most])).toMatchObject({ code: 3 })
    expect(await counts(place)).toEqual([
      [
        [50, 0],
        [50, 5],
        [50, 0],
      ],
      150,
      5,
    ])
  })

  it.each(['-1', '1.5', 'some', '%', '5 %'])('--max-rejects %s is refused', async (most) => {
    await using place = await Workplace.create()
    const ran = await backfill(place, [], [`--max-rejects=${most}`])
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('--max-rejects') })
  })
})

describe('the limit on rejects', () => {
  const count = fc.integer({ min: 0, max: 1000 })

  it('applies to the whole run if it is a number', () => {
    fc.assert(
      fc.property(count, fc.array(count, { maxLength: 8 }), (most, commits) => {
        let before = 0
        const stopped = commits.some((rejects) => {
          const past = exceeds(parseRowLimit(String(most)), rejects, rejects, before)
          before += rejects
          return past
        })
        expect(stopped).toBe(commits.reduce((sum, rejects) => sum + rejects, 0) > most)
      }),
    )
  })

  it('applies to each commit if it is a share, whatever came before', () => {
    fc.assert(
      fc.property(count, count, count, count, (most, rejects, events, before) => {
        const past = exceeds(parseRowLimit(`${most / 10}%`), rejects, rejects + events, before)
        expect(past).toBe(rejects > 0 && rejects * 1000 > most * (rejects + events))
      }),
    )
  })
})
