import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ACCOUNT, type Ran, Workplace } from '../cmd/run-mixload.ts'
import { freePort } from '../free-port.ts'
import { bodyOf, dayAt, idsOf } from './day-events.ts'
import { cut, FaultServer, refusal, whole } from './fault-server.ts'
import { LoopbackProxy } from './loopback-proxy.ts'

const PER_DAY = 20
const GZIP = { framing: 'chunked', gzip: true } as const
const TLS_FILES = join(import.meta.dirname, '..', 'postgres', 'tls')
const tlsFile = (name: string) => join(TLS_FILES, name)
const TLS = { key: readFileSync(tlsFile('server.key')), cert: readFileSync(tlsFile('server.pem')) }
const AUTHORIZATION = `Basic ${Buffer.from(`${ACCOUNT.user}:${ACCOUNT.secret}`).toString('base64')}`

const good = ({ day }: { readonly day: string }) => whole(bodyOf(day, PER_DAY), GZIP)

/** `mixload backfill` of the first day, against a server. */
function backfill(place: Workplace, url: string, more: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const day = dayAt(0)
  const args = ['backfill', '--streams', 'export', '--timezone', 'UTC', '--from', day, '--to', day]
  return place.run(args, { MIXPANEL_API_URL: url, ...more })
}

async function expectTheDay(place: Workplace): Promise<void> {
  expect(await place.query('SELECT mp_insert_id AS id FROM export ORDER BY time')).toEqual(
    idsOf(dayAt(0), PER_DAY).map((id) => ({ id })),
  )
  expect(await place.query('SELECT row_count AS n FROM _mixload_loads')).toEqual([{ n: BigInt(PER_DAY) }])
}

async function expectNothing(place: Workplace): Promise<void> {
  expect(await place.query('SELECT * FROM _mixload_loads')).toEqual([])
  const tables = await place.query("SELECT table_name FROM information_schema.tables WHERE table_name = 'export'")
  if (tables.length > 0) expect(await place.query('SELECT * FROM export')).toEqual([])
}

describe('a lasting fault ends the run with nothing loaded, after a minute of retries', () => {
  it.concurrent('a server that resets every connection: exit code 1', async ({ expect }) => {
    await using place = await Workplace.create()
    await using server = await FaultServer.start(() => [{ close: 'reset' }])
    const ran = await backfill(place, server.url)
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('NETWORK_FAILED') })
    expect(server.requests).toHaveLength(7)
    await expectNothing(place)
  })

  it.concurrent('nobody listens: exit code 1, and the message says where', async ({ expect }) => {
    await using place = await Workplace.create()
    const port = await freePort()
    const ran = await backfill(place, `http://127.0.0.1:${port}`)
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining(`ECONNREFUSED 127.0.0.1:${port}`) })
    await expectNothing(place)
  })

  it.concurrent('500 each time: exit code 1', async ({ expect }) => {
    await using place = await Workplace.create()
    await using server = await FaultServer.start(() => refusal('500 Oops', 'all is lost'))
    const ran = await backfill(place, server.url)
    expect(ran).toMatchObject({ code: 1, stdout: expect.stringContaining('all is lost') })
    expect(server.requests).toHaveLength(7)
    await expectNothing(place)
  })

  it.concurrent('a connection cut within every body: the day is skipped with exit code 3', async ({ expect }) => {
    await using place = await Workplace.create()
    await using server = await FaultServer.start((request) =>
      request.path.endsWith('/names')
        ? refusal('404 Not Found')
        : cut(bodyOf(request.day, PER_DAY), GZIP, 100, 'reset'),
    )
    const ran = await backfill(place, server.url)
    expect(ran).toMatchObject({ code: 3, stdout: expect.stringContaining(`${dayAt(0)} skipped`) })
    await expectNothing(place)
  })

  it.concurrent('a proxy that wants another password: exit code 1, and no message has the given one', async ({
    expect,
  }) => {
    await using place = await Workplace.create()
    await using proxy = await LoopbackProxy.start('right')
    await using server = await FaultServer.start(good, TLS)
    const ran = await backfill(place, `https://localhost:${server.port}`, { HTTPS_PROXY: proxy.url('user:wrong-one') })
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('407') })
    expect(ran.stderr + ran.stdout).not.toContain('wrong-one')
    expect(server.requests).toEqual([])
    await expectNothing(place)
  })
}, 600_000)

describe('silence', () => {
  it('is not waited for beyond --idle-timeout, nor beyond --first-byte-timeout', async () => {
    await using place = await Workplace.create()
    await using server = await FaultServer.start((request) => {
      if (request.before === 0) return [{ hang: true }]
      if (request.before === 1)
        return [...cut(bodyOf(request.day, PER_DAY), GZIP, 100, 'end').slice(0, 2), { hang: true }]
      return good(request)
    })
    const ran = await backfill(place, server.url, { MIXLOAD_IDLE_TIMEOUT: '1', MIXLOAD_FIRST_BYTE_TIMEOUT: '1' })
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringMatching(/Headers Timeout.*Body Timeout/s) })
    await expectTheDay(place)
  })
})

describe('a redirect', () => {
  it.each(['301 Moved', '302 Found', '303 See Other', '307 Temporary', '308 Permanent'])(
    'by %s is followed on the same server, with the credentials',
    async (status) => {
      await using place = await Workplace.create()
      await using server = await FaultServer.start((request) =>
        request.path === '/moved' ? good(request) : refusal(status, '', { location: `/moved?${request.query}` }),
      )
      expect(await backfill(place, server.url)).toMatchObject({ code: 0 })
      expect(server.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual([
        ['/api/2.0/export', AUTHORIZATION],
        ['/moved', AUTHORIZATION],
      ])
      await expectTheDay(place)
    },
  )

  it('to another host ends the run at once: the host gets no request, let alone the credentials', async () => {
    await using place = await Workplace.create()
    await using stranger = await FaultServer.start(good)
    await using server = await FaultServer.start(({ query }) =>
      refusal('302 Found', '', { location: `${stranger.url}/api/2.0/export?${query}` }),
    )
    const ran = await backfill(place, server.url)
    expect(ran).toMatchObject({ code: 1, stdout: expect.stringContaining(`to ${stranger.url}. Credentials`) })
    expect(stranger.requests).toEqual([])
    expect(server.requests).toHaveLength(1)
    await expectNothing(place)
  })

  it('in a circle ends the run', async () => {
    await using place = await Workplace.create()
    await using server = await FaultServer.start(({ query }) =>
      refusal('302 Found', '', { location: `/api/2.0/export?${query}` }),
    )
    const ran = await backfill(place, server.url)
    expect(ran).toMatchObject({ code: 1, stdout: expect.stringContaining('redirects more than 5 times') })
    expect(server.requests).toHaveLength(6)
    await expectNothing(place)
  })
})

describe('a proxy', () => {
  it('in HTTP_PROXY is used', async () => {
    await using place = await Workplace.create()
    await using proxy = await LoopbackProxy.start()
    await using server = await FaultServer.start(good)
    expect(await backfill(place, server.url, { HTTP_PROXY: proxy.url() })).toMatchObject({ code: 0 })
    expect(proxy.seen.map(({ what }) => what).join()).toContain(`127.0.0.1:${server.port}`)
    await expectTheDay(place)
  })

  it('in HTTPS_PROXY is used with its own password, and never sees the credentials', async () => {
    await using place = await Workplace.create()
    await using proxy = await LoopbackProxy.start('pass word')
    await using server = await FaultServer.start(good, TLS)
    const ran = await backfill(place, `https://localhost:${server.port}`, {
      HTTPS_PROXY: proxy.url('user:pass%20word'),
      NODE_EXTRA_CA_CERTS: tlsFile('ca.pem'),
    })
    expect(ran).toMatchObject({ code: 0 })
    expect(proxy.seen.map(({ what }) => what)).toEqual([`CONNECT localhost:${server.port}`])
    expect(proxy.seen[0]?.authorization).not.toBe(AUTHORIZATION)
    await expectTheDay(place)
  })

  it('is not used for hosts in NO_PROXY', async () => {
    await using place = await Workplace.create()
    await using proxy = await LoopbackProxy.start()
    await using server = await FaultServer.start(good)
    const ran = await backfill(place, server.url, { HTTP_PROXY: proxy.url(), NO_PROXY: '127.0.0.1' })
    expect(ran).toMatchObject({ code: 0 })
    expect(proxy.seen).toEqual([])
    await expectTheDay(place)
  })
})

describe('TLS', () => {
  it('with an untrusted certificate ends the run at once and says what to do', async () => {
    await using place = await Workplace.create()
    await using server = await FaultServer.start(good, TLS)
    const ran = await backfill(place, `https://localhost:${server.port}`)
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/CERTIFICATE_REFUSED.*NODE_EXTRA_CA_CERTS/) })
    expect(server.requests).toEqual([])
    await expectNothing(place)
  })

  it('with a certificate of another host ends the run at once', async () => {
    await using place = await Workplace.create()
    await using server = await FaultServer.start(good, TLS)
    const ran = await backfill(place, server.url, { NODE_EXTRA_CA_CERTS: tlsFile('ca.pem') })
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/CERTIFICATE_REFUSED.*127\.0\.0\.1/) })
    expect(server.requests).toEqual([])
    await expectNothing(place)
  })

  it('with a certificate that NODE_EXTRA_CA_CERTS trusts is accepted', async () => {
    await using place = await Workplace.create()
    await using server = await FaultServer.start(good, TLS)
    const url = `https://localhost:${server.port}`
    expect(await backfill(place, url, { NODE_EXTRA_CA_CERTS: tlsFile('ca.pem') })).toMatchObject({ code: 0 })
    await expectTheDay(place)
  })
})
