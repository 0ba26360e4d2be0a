import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MixloadError } from '../../lib/core/errors.ts'
import type { ApiRequest } from '../../lib/mixpanel/client.ts'
import { resolveSettings } from '../../lib/settings.ts'
import { type ProfileQuery, profilePages } from '../../lib/streams/profile-pages.ts'
import type { StreamContext } from '../../lib/streams/stream.ts'
import { runs } from '../runs.ts'

/**
 * How a server may page: all of these have been seen, or are not ruled out by Mixpanel's
 * documentation.
 */
interface Paging {
  readonly profiles: number
  readonly askedSize: number
  /** The most that it returns at once, whatever is requested. */
  readonly sizeMax: number
  readonly tellsTotal: boolean
  readonly tellsSize: boolean
  /** It reports the requested size, whatever it returns. */
  readonly tellsAskedSize?: boolean
  /** Numbers come as texts. */
  readonly isInTexts?: boolean
  /** Pages from which profiles have gone since the session began. */
  readonly shortPages: readonly number[]
  readonly refusesPastTheEnd: boolean
  readonly atOnce: number
}

const paging = fc.record<Paging>({
  profiles: fc.nat(40),
  askedSize: fc.integer({ min: 1, max: 12 }),
  sizeMax: fc.integer({ min: 1, max: 12 }),
  tellsTotal: fc.boolean(),
  tellsSize: fc.boolean(),
  tellsAskedSize: fc.boolean(),
  isInTexts: fc.boolean(),
  shortPages: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 2 }),
  refusesPastTheEnd: fc.boolean(),
  atOnce: fc.constantFrom(0, 1, 3),
})

/** Reads all pages from such a server, whose answers come in any order. */
async function read(server: Paging, query: Partial<ProfileQuery> = {}) {
  const requested: number[] = []
  const warnings: string[] = []
  let running = 0
  let most = 0
  const size = Math.min(server.askedSize, server.sizeMax)
  const written = (number: number) => (server.isInTexts ? String(number) : number)
  const idsOf = (page: number) => {
    const ids = Array.from({ length: server.profiles }, (_, at) => `p${at}`).slice(page * size, (page + 1) * size)
    return server.tellsTotal && server.shortPages.includes(page) ? ids.slice(1) : ids
  }
  const answer = async ({ form = {} }: ApiRequest): Promise<Buffer> => {
    const page = Number(form.page ?? 0)
    requested.push(page)
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, (page * 7) % 3))
    running--
    if (page > 0 && form.session_id !== 's') throw new MixloadError('REQUEST_REFUSED', 'no session')
    if (server.refusesPastTheEnd && page > 0 && page * size >= server.profiles)
      throw new MixloadError('REQUEST_REFUSED', 'no page')
    const first = {
      session_id: 's',
      ...(server.tellsTotal ? { total: written(server.profiles) } : {}),
      ...(server.tellsSize ? { page_size: written(server.tellsAskedSize ? server.askedSize : size) } : {}),
    }
    const results = idsOf(page).map((id) => ({ $distinct_id: id, $properties: {} }))
    return Buffer.from(JSON.stringify({ ...(page === 0 ? first : {}), results }))
  }
  const context: StreamContext = {
    settings: resolveSettings({}, {}, { engagePageSize: server.askedSize, queryRequestsAtOnce: server.atOnce }),
    zone: 'UTC',
    signal: new AbortController().signal,
    ask: async (request, read) => read(await answer(request)),
    expect: () => {},
    leaveOut: () => {},
    stream: () => {
      throw new TypeError('pages are read whole')
    },
    onProgress: (event) => event.kind === 'warning' && warnings.push(event.message),
  }
  const got: string[] = []
  for await (const { lines } of profilePages(context, { what: 'engage', form: {}, ...query })) {
    for (const line of lines.toString().split('\n').slice(0, -1))
      got.push((JSON.parse(line) as { $distinct_id: string }).$distinct_id)
  }
  const all = Array.from({ length: Math.ceil(server.profiles / size) }, (_, page) => idsOf(page)).flat()
  return { got, all, requested, most, size, warnings }
}

describe('pages of profiles', () => {
  it('are all read, in order, whatever the server reports about paging', async () => {
    await fc.assert(
      fc.asyncProperty(paging, async (server) => {
        // One that reports a wrong size, and no total or a page that is not full, looks as if it
        // had come to its end.
        const tellsWrong = server.tellsSize && server.tellsAskedSize && server.sizeMax < server.askedSize
        fc.pre(!tellsWrong || (server.tellsTotal && server.shortPages.length === 0))
        // One that refuses pages beyond an end that it does not report looks as if it had lost the
        // session.
        fc.pre(server.tellsTotal || !server.refusesPastTheEnd)
        const { got, all } = await read(server)
        expect(got).toEqual(all)
      }),
      { numRuns: runs(200) },
    )
  })

  it('are requested once each, within the limit of concurrent requests, and none in vain if the server reports the total', async () => {
    await fc.assert(
      fc.asyncProperty(paging, async (server) => {
        const exact = { ...server, tellsTotal: true, tellsSize: true, tellsAskedSize: false, shortPages: [] }
        const { requested, most, size } = await read(exact)
        expect(requested.toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: Math.max(1, Math.ceil(server.profiles / size)) }, (_, page) => page),
        )
        expect(most).toBeLessThanOrEqual(server.atOnce === 0 ? 5 : server.atOnce)
      }),
      { numRuns: runs(100) },
    )
  })

  it('are requested before they are needed', async () => {
    const server = { profiles: 60, askedSize: 5, sizeMax: 5, tellsTotal: true, tellsSize: true, shortPages: [] }
    expect((await read({ ...server, refusesPastTheEnd: false, atOnce: 3 })).most).toBe(3)
  })

  it('do not count as complete if a page is refused and the server has not reported their number', async () => {
    const server = { profiles: 30, askedSize: 10, sizeMax: 10, tellsTotal: false, tellsSize: true, shortPages: [] }
    const reading = read({ ...server, refusesPastTheEnd: true, atOnce: 1 })
    await expect(reading).rejects.toMatchObject({ code: 'SESSION_LOST' })
  })

  it('come with a warning if there are more of them than may be requested in an hour', async () => {
    const server = { askedSize: 1, sizeMax: 1, tellsTotal: true, tellsSize: true, shortPages: [], atOnce: 0 }
    const refusesPastTheEnd = true
    expect((await read({ ...server, refusesPastTheEnd, profiles: 60 })).warnings).toEqual([])
    const { warnings } = await read({ ...server, refusesPastTheEnd, profiles: 61 })
    expect(warnings).toEqual([expect.stringMatching(/61 pages.* about 2 hours.*--engage-page-size/)])
  })

  it('go on past the total if there are more by another count', async () => {
    const server = { profiles: 30, askedSize: 10, sizeMax: 10, tellsTotal: true, tellsSize: true, shortPages: [] }
    const { got, requested } = await read({ ...server, refusesPastTheEnd: true, atOnce: 1 }, { atLeast: 45 })
    expect(got.length).toBe(30)
    expect(requested).toEqual([0, 1, 2, 3])
  })

  it('are one if the server reports no total and refuses a second page', async () => {
    const server = { profiles: 3, askedSize: 10, sizeMax: 10, tellsTotal: false, tellsSize: false, shortPages: [] }
    const { got, all } = await read({ ...server, refusesPastTheEnd: true, atOnce: 1 })
    expect(got).toEqual(all)
  })
})
