import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exportStream } from '../../lib/streams/export.ts'
import { type OpenStore, openStore } from '../conformance/harness.ts'
import { HARNESSES, stopPlaces } from '../destinations/every-destination.ts'
import { runs } from '../runs.ts'
import { openWorkshop, type RunMore, type Workshop } from './loading.ts'

let workshop: Workshop
beforeAll(async () => {
  workshop = await openWorkshop()
})
afterAll(async () => {
  await workshop[Symbol.asyncDispose]()
  await stopPlaces()
})

const DAY = '2026-08-03'
const NEXT = '2026-08-04'
const NOON = Date.parse(`${DAY}T12:00:00Z`)

/** A line of the export. */
function line(id: string, more: object = {}): string {
  const properties = { time: NOON, distinct_id: 'ann', $insert_id: id, mp_processing_time_ms: NOON, ...more }
  return JSON.stringify({ event: 'Paid', properties })
}

/** Reads a day again for each answer. Returns how many rows each one added. */
async function readAgain(
  { destination }: Pick<OpenStore, 'destination'>,
  answers: readonly (readonly string[])[],
  more: RunMore = {},
): Promise<readonly number[]> {
  const added: number[] = []
  for (const lines of answers) {
    const stream = {
      ...exportStream({ legacyTime: false, events: undefined }),
      async *read() {
        yield { table: 'export', lines: Buffer.from(lines.map((text) => `${text}\n`).join('')) }
      },
    }
    const slices = [{ firstDay: DAY, lastDay: DAY }]
    added.push((await workshop.run(stream, { destination, slices, ...more })).rows)
  }
  return added
}

/** The insert id and the plan of each event that export_latest shows. */
async function shown({ destination }: Pick<OpenStore, 'destination'>): Promise<readonly string[]> {
  const found: string[] = []
  const take = (rows: readonly string[]) => {
    for (const row of rows) found.push(Object.values(JSON.parse(row) as object).join(' '))
  }
  const sql = `SELECT mp_insert_id, plan FROM ${destination.pathInViews('export_latest')}`
  await destination.query(sql, take, new AbortController().signal)
  return found.sort()
}

describe.each(Object.keys(HARNESSES).filter((name) => name !== 'memory'))(
  'a day that is read again into %s',
  (name) => {
    let store: OpenStore
    const empty = async () => {
      const harness = await HARNESSES[name]?.()
      if (harness === undefined) throw new TypeError(`there is no destination ${name}`)
      store = await openStore(harness)
      return store
    }

    it('adds only the rows that are not there, in whatever order they come', async () => {
      await using place = await empty()
      const [a, b, c] = [line('a', { plan: 'x' }), line('b'), line('c')]
      expect(
        await readAgain(place, [
          [a, b],
          [b, a],
          [c, a, b],
          [a, b, c],
        ]),
      ).toEqual([2, 0, 1, 0])
      const loads = await place.destination.ledger('export')
      expect(loads.map(({ rowCount, dayRows }) => [rowCount, dayRows?.[DAY]])).toEqual([
        [2, 2],
        [0, 2],
        [1, 3],
        [0, 3],
      ])
      const digests = loads.map(({ dayDigests }) => dayDigests?.[DAY])
      expect(digests[0]).toMatch(/^[0-9a-f]{32}$/)
      expect(digests).toEqual([digests[0], digests[0], digests[2], digests[2]])
      expect(digests[2]).not.toBe(digests[0])
    })

    it('adds what Mixpanel has changed, and what it has changed back', async () => {
      await using place = await empty()
      const [free, pro, unchanged] = [
        line('a', { plan: 'free' }),
        line('a', { plan: 'pro' }),
        line('b', { plan: 'free' }),
      ]
      expect(
        await readAgain(place, [
          [free, unchanged],
          [pro, unchanged],
        ]),
      ).toEqual([2, 1])
      expect(await shown(place)).toEqual(['a pro', 'b free'])
      expect(
        await readAgain(place, [
          [free, unchanged],
          [free, unchanged],
          [free, unchanged, line('c', { plan: 'free' })],
        ]),
      ).toEqual([1, 0, 1])
      expect(await shown(place)).toEqual(['a free', 'b free', 'c free'])
    })

    it('does not add a row again that would not be shown', async () => {
      await using place = await empty()
      const early = line('a', { plan: 'early', mp_processing_time_ms: NOON })
      const late = line('a', { plan: 'late', mp_processing_time_ms: NOON + 1 })
      const more = ['b', 'c', 'd'].map((id) => line(id, { plan: 'x' }))
      const answers = [[early], [late], [early, ...more.slice(0, 1)], [early, ...more.slice(0, 2)], [early, ...more]]
      expect(await readAgain(place, answers)).toEqual([1, 1, 1, 1, 1])
      expect(await shown(place)).toEqual(['a late', 'b x', 'c x', 'd x'])
    })

    it('adds an event that moved to another person once', async () => {
      await using place = await empty()
      const [before, unmoved] = [line('a', { distinct_id: 'device', plan: 'x' }), line('b', { plan: 'x' })]
      const after = line('a', { plan: 'x', $distinct_id_before_identity: 'device' })
      expect(
        await readAgain(place, [
          [before, unmoved],
          [after, unmoved],
          [unmoved, after, line('c', { plan: 'x' })],
        ]),
      ).toEqual([2, 1, 1])
      expect(await shown(place)).toEqual(['a x', 'b x', 'c x'])
    })

    it('does not add copies again that Mixpanel returns each time', async () => {
      await using place = await empty()
      const copies = [line('a', { plan: 'new' }), line('a', { plan: 'old', mp_processing_time_ms: 1 })]
      const more = ['b', 'c', 'd'].map((id) => line(id, { plan: 'x' }))
      expect(await readAgain(place, [copies, [...copies, ...more.slice(0, 1)], [...copies, ...more]])).toEqual([
        2, 1, 2,
      ])
      expect(await shown(place)).toEqual(['a new', 'b x', 'c x', 'd x'])
    })
  },
)

describe('a day that is read again', () => {
  /** A DuckDB store. */
  async function duckdb(): Promise<OpenStore> {
    const harness = await HARNESSES.duckdb?.()
    if (harness === undefined) throw new TypeError('there is no DuckDB')
    return openStore(harness)
  }

  it('adds one row when a late event brings the first value of a property', async () => {
    await using place = await duckdb()
    const lines = Array.from({ length: 20 }, (_, at) => line(`e${at}`))
    const late = line('late', { coupon: 'X', n: 1.5, $insert_id: 'late' })
    expect(await readAgain(place, [lines, [...lines, late], [...lines, late, '{"broken"']])).toEqual([20, 1, 0])
  })

  it('is loaded again when other properties are wanted', async () => {
    await using place = await duckdb()
    const lines = [line('a', { plan: 'pro' })]
    const settings = { excludeProperties: ['plan'] }
    expect(await readAgain(place, [lines, lines], { settings })).toEqual([1, 0])
    expect(await readAgain(place, [lines, lines])).toEqual([1, 0])
    expect(await shown(place)).toEqual(['a pro'])
  })

  it('is replaced whole with --write replace', async () => {
    await using place = await duckdb()
    const lines = [line('a'), line('b')]
    expect(await readAgain(place, [lines, lines], { settings: { write: 'replace' } })).toEqual([2, 2])
  })

  it('has in export_latest what was read last, and rows that differ once', async () => {
    const event = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      plan: fc.constantFrom('x', 'y'),
      person: fc.constantFrom('ann', 'bob'),
    })
    // Mixpanel itself returns an event once: copies have other processing times.
    const answer = fc.uniqueArray(event, { selector: ({ id, person }) => id + person, minLength: 1 })
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 5 }), async (answers) => {
        await using place = await duckdb()
        const lines = answers.map((events) =>
          events.map(({ id, plan, person }) => line(id, { plan, distinct_id: person })),
        )
        const added = await readAgain(place, lines)
        const views = await shown(place)
        for (const { id, plan } of answers.at(-1) ?? []) expect(views).toContain(`${id} ${plan}`)
        // A row is added if the event is not shown like that.
        const plans = new Map<string, string>()
        const expected = answers.map((events) => {
          const changed = events.filter(({ id, person, plan }) => plans.get(id + person) !== plan)
          for (const { id, person, plan } of changed) plans.set(id + person, plan)
          return changed.length
        })
        expect(added).toEqual(expected)
        const [last = []] = lines.slice(-1)
        expect(await readAgain(place, [last])).toEqual([0])
      }),
      { numRuns: runs(20) },
    )
  })

  it('knows rows of slices of several days', async () => {
    await using place = await duckdb()
    const later = line('n', { time: NOON + 86_400_000 })
    const lines = [line('a'), later, line('b', { time: undefined })]
    const more = { slices: [{ firstDay: DAY, lastDay: NEXT }] }
    expect(await readAgain(place, [lines, lines.toReversed(), [...lines, line('c')]], more)).toEqual([3, 0, 1])
    const digests = (await place.destination.ledger('export')).map(({ dayDigests }) => dayDigests)
    expect(Object.keys(digests[0] ?? {})).toEqual([DAY, NEXT])
    expect(digests[2]?.[NEXT]).toBe(digests[0]?.[NEXT])
    expect(await readAgain(place, [[later]], { slices: [{ firstDay: NEXT, lastDay: NEXT }] })).toEqual([0])
  })
})
