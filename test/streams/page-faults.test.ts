import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isOk } from '../../lib/streams/answer.ts'
import { ENGAGE_STREAM, groupStreams } from '../../lib/streams/engage.ts'
import { PageHistory, pageFault } from '../../lib/streams/page-faults.ts'
import type { Stream } from '../../lib/streams/stream.ts'
import { openWorkshop, type Workshop } from '../run/loading.ts'

const SIZE = 4
const PROFILES = 12

/** The profiles of a page, the last of which is that of `PROFILES`. */
function idsOf(page: number): readonly string[] {
  return Array.from({ length: SIZE }, (_, at) => page * SIZE + at)
    .filter((at) => at < PROFILES)
    .map((at) => `p${String(at).padStart(3, '0')}`)
}

function pageOf(page: number, more: object = {}, ids = idsOf(page)): object {
  const results = ids.map((id) => ({ $distinct_id: id, $properties: { at: id } }))
  return { page, page_size: SIZE, session_id: 's', status: 'ok', total: PROFILES, ...more, results }
}

/** Answers for a page; `before`: how often it was requested before. */
type Script = (page: number, before: number) => object

const GOOD: Script = (page) => pageOf(page)

let workshop: Workshop
beforeAll(async () => {
  workshop = await openWorkshop()
})
afterAll(() => workshop[Symbol.asyncDispose]())

/** Loads profiles from such a server, and returns how often it was asked. */
async function load(script: Script, stream: Stream = ENGAGE_STREAM) {
  const counts = new Map<number, number>()
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const page = Number(new URLSearchParams(Buffer.concat(parts).toString()).get('page') ?? 0)
    const before = counts.get(page) ?? 0
    counts.set(page, before + 1)
    response.end(JSON.stringify(script(page, before)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const settings = { engagePageSize: SIZE, groups: { company: '7' } }
    const summary = await workshop.run(stream, { apiUrl, settings }).catch((error: unknown) => ({ error }))
    return { summary, counts }
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const loaded = async (table = 'engage') =>
  (await workshop.rows(`SELECT distinct_id AS id FROM ${table} ORDER BY 1`)).map(({ id }) => id)
const ALL = [0, 1, 2].flatMap(idsOf)

const FAULTS: readonly (readonly [name: string, faulty: (page: number) => object])[] = [
  ['equals an earlier one', (page) => pageOf(page, {}, idsOf(0))],
  ['has another number', (page) => pageOf(0, { page: page + 1 }, idsOf(page))],
  ['has another number, as a text', (page) => pageOf(0, { page: String(page - 1) }, idsOf(page))],
  ['has the status error', (page) => pageOf(page, { status: 'error' }, [])],
  ['has the status pending', (page) => pageOf(page, { status: 'pending' }, idsOf(page))],
]

describe.each(FAULTS)('a page that %s', (_, faulty) => {
  it('is requested again', async () => {
    const script: Script = (page, before) => (page === 2 && before === 0 ? faulty(page) : pageOf(page))
    const { summary, counts } = await load(script)
    expect(summary).toMatchObject({ rows: PROFILES, rejects: 0 })
    expect(await loaded()).toEqual(ALL)
    expect([...counts]).toEqual(expect.arrayContaining([[2, 2]]))
  })

  it('each time: the stream fails, and the table stays as it was', async () => {
    await load(GOOD)
    for (const stream of [ENGAGE_STREAM, ...groupStreams({ groups: { company: '7' } })]) {
      await load(GOOD, stream)
      const { summary, counts } = await load((page) => (page === 1 ? faulty(page) : pageOf(page)), stream)
      expect(summary).toMatchObject({
        error: { code: 'BODY_UNREADABLE', message: expect.stringContaining('page 1 of') },
      })
      expect(counts.get(1)).toBe(3)
      expect(await loaded(stream.name)).toEqual(ALL)
    }
  })
})

describe('pages without end', () => {
  const endless: readonly (readonly [name: string, script: Script])[] = [
    ['the same page, without a total', (page) => pageOf(page, { total: undefined }, idsOf(0))],
    ['the same page, with a total of 10^15', () => pageOf(0, { total: 1e15 })],
    [
      'two pages in turn, without total and number',
      (page) => pageOf(page, { total: null, page: null }, idsOf(page % 2)),
    ],
    ['other pages, with a total of 10^15', (page) => pageOf(page, { total: 1e15 }, [`a${page}`, `b${page}`])],
    ['empty pages, with a total of 10^9', (page) => pageOf(page, { total: 1e9 }, page === 0 ? idsOf(0) : [])],
    ['more profiles than the total', (page) => pageOf(page, { total: 1 })],
  ]

  it.each(endless)('%s: the stream fails, and the table stays as it was', async (_, script) => {
    await load(GOOD)
    const { summary } = await load(script)
    expect(summary).toMatchObject({ error: { code: 'BODY_UNREADABLE' } })
    expect(await loaded()).toEqual(ALL)
  })
})

describe('the rules for a page', () => {
  it('accept the requested page, whether or not it says what it is', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(50), fc.nat(1e9), fc.constantFrom(0, 1, 2), (page, count, more, form) => {
        const envelope = [
          {},
          { page, total: count + more, status: 'ok' },
          { page: `${page}`, total: `${count + more}`, status: 'OK' },
        ][form] as object
        expect(pageFault({ envelope: { ...envelope }, count }, page, true)).toBeUndefined()
      }),
    )
  })

  it('refuse every other page number and every other status', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), fc.string(), (page, requested, status) => {
        expect(pageFault({ envelope: { page }, count: 1 }, requested, true) === undefined).toBe(page === requested)
        fc.pre(!/^(?:ok|success)$/i.test(status))
        expect(pageFault({ envelope: { status }, count: 1 }, requested, true)).toContain('status')
      }),
    )
  })

  it('say nothing about the total of a cohort, which may count other members', () => {
    expect(pageFault({ envelope: { total: 1 }, count: 10 }, 0, false)).toBeUndefined()
    expect(pageFault({ envelope: { total: 1 }, count: 10 }, 0, true)).toContain('10 profiles')
  })

  it('find each page that came before, and no other', () => {
    const page = fc.record({
      lines: fc.stringMatching(/^[ab]{1,3}$/).map((text) => Buffer.from(text)),
      count: fc.constant(1),
    })
    fc.assert(
      fc.property(fc.array(page), (pages) => {
        const history = new PageHistory()
        const seen = new Set<string>()
        for (const [at, came] of pages.entries()) {
          const fault = history.note(came, at, undefined)
          expect(fault !== undefined).toBe(seen.has(came.lines.toString()))
          seen.add(came.lines.toString())
        }
      }),
    )
  })

  it.each([undefined, null, 'ok', 'OK', 'success', 1, 200, true])('the status %j is a success', (status) => {
    expect(isOk(status)).toBe(true)
  })

  it.each(['error', '', 'failed', 'not ok', 0, 500, false, {}, []])('the status %j is not', (status) => {
    expect(isOk(status)).toBe(false)
  })
})
