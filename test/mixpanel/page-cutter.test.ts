import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PageCutter } from '../../lib/mixpanel/page-cutter.ts'
import { type ProfilePage, profilePage } from '../../lib/mixpanel/page-records.ts'
import { runs } from '../runs.ts'

const WHAT = { what: 'A page' }

const shown = ({ lines, ...page }: ProfilePage) => ({ ...page, lines: lines.toString() })

/** The outcome: the page, or the failure. */
async function outcomeOf(cut: () => ProfilePage | Promise<ProfilePage>): Promise<unknown> {
  try {
    return shown(await cut())
  } catch (error) {
    return error
  }
}

const profile = fc.record({
  $distinct_id: fc.oneof(fc.string(), fc.integer()),
  $properties: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 20 }),
})
const body = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({ results: fc.array(profile, { maxLength: 60 }), page: fc.nat() })
      .map((page) => JSON.stringify(page)),
  },
  fc.constantFrom('{"error":"no such session"}', '{"results":[{"$distinct_id":"a"', '<html>', ''),
)

it('returns the same pages and failures as this thread would, also when memory is reused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 8 }), async (bodies) => {
      await using cutter = new PageCutter()
      const cut = bodies.map((text) =>
        outcomeOf(async () => {
          const page = await cutter.cut(Buffer.from(text), WHAT)
          const copy = { ...page, lines: Buffer.from(page.lines) }
          cutter.reuse(page)
          return copy
        }),
      )
      const expected = await Promise.all(bodies.map((text) => outcomeOf(() => profilePage(Buffer.from(text), WHAT))))
      expect(await Promise.all(cut)).toEqual(expected)
    }),
    { numRuns: runs(40) },
  )
})

it('leaves no page waiting when it ends', async () => {
  const cutter = new PageCutter()
  const text = JSON.stringify({ results: Array.from({ length: 50_000 }, (_, id) => ({ $distinct_id: `${id}` })) })
  await cutter.cut(Buffer.from(text), WHAT)
  const waiting = [cutter.cut(Buffer.from(text), WHAT), cutter.cut(Buffer.from(text), WHAT)]
  const outcomes = Promise.allSettled(waiting)
  await cutter[Symbol.asyncDispose]()
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})
