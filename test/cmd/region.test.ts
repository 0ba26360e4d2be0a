import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FaultServer, type ReceivedRequest, refusal, type Script, whole } from '../faults/fault-server.ts'
import { Workplace } from './run-mixload.ts'

const TLS_FILES = join(import.meta.dirname, '..', 'postgres', 'tls')
const tlsFile = (name: string) => readFileSync(join(TLS_FILES, name))
const TLS = { key: tlsFile('server.key'), cert: tlsFile('server.pem') }

const PLAIN = { framing: 'length', gzip: false } as const
const error = 'request failed with error: invalid project id for cluster.'
const wrongRegion = ({ path }: ReceivedRequest) =>
  refusal('400 Bad Request', JSON.stringify({ request: `${path}?project_id=1`, error }))

/** Two kinds of credentials, and without those of the workplace. */
const ACCOUNT = { MIXPANEL_SERVICE_ACCOUNT: 'a', MIXPANEL_SERVICE_ACCOUNT_SECRET: 'b', MIXPANEL_PROJECT_ID: '1' }
const SECRET = {
  MIXPANEL_SERVICE_ACCOUNT: '',
  MIXPANEL_SERVICE_ACCOUNT_SECRET: '',
  MIXPANEL_PROJECT_ID: '',
  MIXPANEL_API_SECRET: 'b',
}

describe('a project in another region', () => {
  it.each([
    ['a service account', ACCOUNT],
    ['a project secret', SECRET],
  ])('with %s: a load ends at once, and says which regions to try', async (_, credentials) => {
    await using place = await Workplace.create()
    await using server = await FaultServer.start(wrongRegion)
    const span = ['--from', '2026-01-01', '--to', '2026-01-05']
    const ran = await place.run(['backfill', ...span], { ...credentials, MIXPANEL_API_URL: server.url })
    expect(ran.code).toBe(2)
    expect(ran.stderr).toMatch(/CREDENTIALS_REFUSED/)
    expect(ran.stderr).toContain('not in the region us: set --region eu or --region in')
    expect(server.requests).toHaveLength(1)
  })

  it('check does not name a host that is not asked', async () => {
    await using place = await Workplace.create()
    const { stdout } = await place.run(['check'])
    expect(stdout).toContain(`ok  region: not used: requests go to ${place.simulator.url}\n`)
    expect(stdout).not.toContain('mixpanel.com')
  })

  it('check says it once', async () => {
    await using place = await Workplace.create()
    await using server = await FaultServer.start(wrongRegion)
    const ran = await place.run(['check'], { ...ACCOUNT, MIXPANEL_API_URL: server.url })
    expect(ran.code).toBe(1)
    expect(ran.stdout.match(/set --region eu/g)).toHaveLength(1)
  })

  it.each([
    ['a service account', ACCOUNT],
    ['a project secret', SECRET],
  ])('with %s: check asks the other regions and says which it is', async (_, credentials) => {
    await using place = await Workplace.create()
    await using mixpanel = await mixpanelOf((request) => {
      if (!/(?:^|-)in\.mixpanel\.com/.test(request.headers.host ?? '')) return wrongRegion(request)
      return whole(JSON.stringify({ results: { projects: { 1: { name: 'x', timezone: 'UTC' } } } }), PLAIN)
    })
    const environment = {
      ...credentials,
      MIXPANEL_API_URL: '',
      HTTPS_PROXY: mixpanel.proxy,
      HTTP_PROXY: mixpanel.proxy,
    }
    const ran = await place.run(['check'], { ...environment, NODE_TLS_REJECT_UNAUTHORIZED: '0' })
    expect(ran.stdout).toMatch(/^NO {2}region: The project is in region in, not us: set MIXPANEL_REGION=in\.$/m)
    expect(ran.code).toBe(1)
  })

  it('init finds the region and writes it', async () => {
    await using place = await Workplace.create()
    await using mixpanel = await mixpanelOf((request) => {
      if (!/(?:^|-)in\.mixpanel\.com/.test(request.headers.host ?? '')) return wrongRegion(request)
      return whole(JSON.stringify({ results: { projects: { 1: { name: 'x', timezone: 'UTC' } } } }), PLAIN)
    })
    const ran = await place.run(['init', '--from', '7d'], {
      ...ACCOUNT,
      MIXPANEL_API_URL: '',
      HTTPS_PROXY: mixpanel.proxy,
      HTTP_PROXY: mixpanel.proxy,
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    })
    expect(ran).toMatchObject({ code: 0 })
    expect(readFileSync(join(place.directory, 'mixload.yaml'), 'utf8')).toContain('\nregion: in\n')
  })
})

/** A server for all hosts of Mixpanel, behind a proxy. */
async function mixpanelOf(script: Script): Promise<AsyncDisposable & { readonly proxy: string }> {
  const server = await FaultServer.start(script, TLS)
  const proxy = createServer()
  proxy.on('connect', (_, client) => {
    const onwards = connect(server.port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      onwards.pipe(client).pipe(onwards)
    })
    onwards.on('error', () => client.destroy())
    client.on('error', () => onwards.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  return {
    proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      proxy.closeAllConnections()
      await new Promise((resolve) => proxy.close(resolve))
    },
  }
}
