import { describe, expect, it } from 'vitest'
import { MixloadError } from '../../lib/core/errors.ts'
import type { ApiRequest } from '../../lib/mixpanel/client.ts'
import { type RawSettings, resolveSettings } from '../../lib/settings.ts'
import { profilePages } from '../../lib/streams/profile-pages.ts'
import type { StreamContext } from '../../lib/streams/stream.ts'

interface Server {
  readonly profiles: number
  /** The most profiles of a page. */
  readonly sizeMax?: number
  /** Whether a larger size is refused; else the page has as many as it may. */
  readonly refuses?: MixloadError
  readonly propertyBytes?: number
}

/** Reads all profiles. Returns how many there are, and the sizes of the requests. */
async function read({ profiles, sizeMax = 100_000, refuses, propertyBytes = 0 }: Server, given: RawSettings = {}) {
  const requested: string[] = []
  const answer = ({ form = {} }: ApiRequest): Buffer => {
    requested.push(`${form.page ?? 0} of ${form.page_size}`)
    const wanted = Number(form.page_size)
    if (wanted > sizeMax && refuses !== undefined) throw refuses
    const size = Math.min(wanted, sizeMax)
    const from = Number(form.page ?? 0) * size
    const count = Math.max(0, Math.min(size, profiles - from))
    const properties = { text: 'x'.repeat(propertyBytes) }
    const results = Array.from({ length: count }, (_, at) => ({
      $distinct_id: `p${from + at}`,
      $properties: properties,
    }))
    const first = { total: profiles, page_size: size, session_id: `of ${size}` }
    if (form.page !== undefined && form.session_id !== first.session_id) throw new TypeError('another session')
    return Buffer.from(JSON.stringify({ ...(form.page === undefined ? first : {}), results }))
  }
  const context = {
    settings: resolveSettings({}, {}, { queryRequestsAtOnce: 1, ...given }),
    signal: new AbortController().signal,
    ask: async (request: ApiRequest, take: (body: Buffer) => unknown) => take(answer(request)),
    onProgress: () => {},
  } as unknown as StreamContext
  const ids = new Set<string>()
  for await (const { lines } of profilePages(context, { what: 'engage', form: {}, triesLarger: true })) {
    for (const [, id] of lines.toString().matchAll(/"(p\d+)"/g)) ids.add(id as string)
  }
  return { ids: ids.size, requested }
}

describe('the size of pages', () => {
  it('is larger where the server grants it and there are many profiles', async () => {
    expect(await read({ profiles: 25_000 })).toEqual({
      ids: 25_000,
      requested: ['0 of 1000', '0 of 10000', '1 of 10000', '2 of 10000'],
    })
  })

  it('stays if the server grants no more, whether it says so or refuses', async () => {
    const pages = Array.from({ length: 11 }, (_, page) => `${page + 1} of 1000`)
    const expected = { ids: 12_000, requested: ['0 of 1000', '0 of 10000', ...pages] }
    expect(await read({ profiles: 12_000, sizeMax: 1000 })).toEqual(expected)
    for (const code of ['REQUEST_REFUSED', 'QUERY_TIMEOUT'] as const) {
      const refuses = new MixloadError(code, 'too many')
      expect(await read({ profiles: 12_000, sizeMax: 1000, refuses })).toEqual(expected)
    }
  })

  it('is not tried for few profiles, for large ones, or if the user gave one', async () => {
    expect((await read({ profiles: 10_000 })).requested[1]).toBe('1 of 1000')
    expect((await read({ profiles: 11_000, propertyBytes: 5000 })).requested[1]).toBe('1 of 1000')
    expect((await read({ profiles: 11_000, propertyBytes: 2000 })).requested[1]).toBe('0 of 3000')
    expect((await read({ profiles: 11_000 }, { engagePageSize: 500 })).requested.slice(0, 2)).toEqual([
      '0 of 500',
      '1 of 500',
    ])
  })

  it('ends the reading with failures that have nothing to do with it', async () => {
    const refuses = new MixloadError('CREDENTIALS_REFUSED', 'no')
    await expect(read({ profiles: 12_000, sizeMax: 1000, refuses })).rejects.toBe(refuses)
  })
})
