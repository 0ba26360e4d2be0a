import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createWarehouse } from '../../destinations/index.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { expectFailure } from '../conformance/failures.ts'
import { COLUMNS, load, makeTable, manyRows, relationOf, TABLE, thing, unaborted } from '../conformance/rows.ts'
import { type PostgresServer, startPostgres } from '../postgres/server.ts'
import { asUser, query, withClient } from '../postgres/shared.ts'
import { PostgresPlace } from './postgres-place.ts'

/** With everything in it that has a meaning in URLs. */
const PASSWORD = 'hush hush:@/?#%40&ü'
const DAY = '2026-08-03'

/** Keys made for these tests alone, for a server called localhost and a client called certified. */
const tls = (name: string) => `${import.meta.dirname}/../postgres/tls/${name}`
const text = (name: string) => readFileSync(tls(name), 'utf8')

describe('connecting to Postgres', () => {
  let server: PostgresServer
  let place: PostgresPlace
  beforeAll(async () => {
    server = await startPostgres({
      settings: {
        ssl: 'on',
        ssl_cert_file: 'server.pem',
        ssl_key_file: 'server.key',
        ssl_ca_file: 'ca.pem',
      },
      files: { 'server.pem': text('server.pem'), 'server.key': text('server.key'), 'ca.pem': text('ca.pem') },
      access: [
        'host all postgres 127.0.0.1/32 trust',
        'hostssl all certified 127.0.0.1/32 cert',
        'hostssl all encrypted 127.0.0.1/32 scram-sha-256',
        'host all loader 127.0.0.1/32 scram-sha-256',
        'host all old 127.0.0.1/32 md5',
        'host all plain 127.0.0.1/32 password',
      ],
    })
    await withClient(server.url, async (client) => {
      const literal = `'${PASSWORD}'`
      await client.query(`CREATE ROLE loader LOGIN PASSWORD ${literal}; CREATE ROLE plain LOGIN PASSWORD ${literal}; CREATE ROLE encrypted LOGIN PASSWORD ${literal};
        CREATE ROLE certified LOGIN; CREATE ROLE stranger LOGIN; GRANT CREATE ON DATABASE postgres TO PUBLIC;
        SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD ${literal}`)
    })
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    place = await PostgresPlace.create()
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await place[Symbol.asyncDispose]()
  })

  const at = (user: string, parameters = '', password = PASSWORD, host = 'localhost') => {
    const url = new URL(asUser(server.url, user, encodeURIComponent(password)))
    url.hostname = host
    return `${url.href}${parameters}`
  }
  const to = (url: string): Warehouse => place.destination({ url, schema: `connecting_${crypto.randomUUID()}` })
  /** Whether the session is encrypted, as the server sees it. */
  async function opened(url: string): Promise<boolean> {
    await using destination = to(url)
    await destination.open(unaborted())
    await makeTable(destination)
    await load(destination, 'load-1', manyRows(20_000, DAY))
    const [session] = await withClient(server.url, (client) =>
      query(
        client,
        `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name LIKE 'mixload ${process.pid}@%'`,
      ),
    )
    return session?.ssl === true
  }

  it.each(['loader', 'old'])('takes a password with any character in it (%s)', async (user) => {
    expect(await opened(at(user))).toBe(false)
  })

  it('takes the password from PGPASSWORD, and what else the URL lacks from variables like it', async () => {
    vi.stubEnv('PGPASSWORD', PASSWORD)
    vi.stubEnv('PGUSER', 'loader')
    vi.stubEnv('PGPORT', String(server.port))
    vi.stubEnv('PGDATABASE', 'postgres')
    await using destination = to('postgres://127.0.0.1')
    expect(destination.description).toBe(`postgres://127.0.0.1:${server.port}/postgres`)
    await destination.open(unaborted())
  })

  it('takes no line break for the end of a password', async () => {
    vi.stubEnv('PGPASSWORD', `${PASSWORD}\n`)
    await using destination = to(`postgres://loader@127.0.0.1:${server.port}/postgres`)
    await destination.open(unaborted())
  })

  it('without TLS to another machine is warned of, unless the URL asks for it', async () => {
    const address = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.family === 'IPv4' && !address.internal)?.address
    // A machine without a network has no way out either.
    if (address === undefined) return
    // Reachable from this machine only, but by the address that other machines use.
    const open = await startPostgres({
      settings: { listen_addresses: `127.0.0.1,${address}` },
      access: ['127.0.0.1', address].map((from) => `host all postgres ${from}/32 trust`),
    })
    try {
      const warningsOf = async (parameters: string) => {
        const warnings: string[] = []
        const url = `postgres://postgres@${address}:${open.port}/postgres${parameters}`
        await using destination = place.destination({ url, warn: (message) => warnings.push(message) })
        await destination.open(unaborted())
        await destination.open(unaborted())
        return warnings
      }
      expect(await warningsOf('')).toEqual([expect.stringContaining('sslmode')])
      expect(await warningsOf('?sslmode=prefer')).toHaveLength(1)
      expect(await warningsOf('?sslmode=disable')).toEqual([])
    } finally {
      await open.stop()
    }
  })

  describe('with TLS', () => {
    it.each([
      ['sslmode=disable', false],
      ['sslmode=prefer', true],
      ['sslmode=require', true],
      ['sslmode=no-verify', true],
      ['sslmode=require&channel_binding=require', true],
      [`sslmode=require&sslrootcert=${tls('ca.pem')}`, true],
      [`sslmode=verify-ca&sslrootcert=${tls('ca.pem')}`, true],
      [`sslmode=verify-full&sslrootcert=${tls('ca.pem')}`, true],
      [`sslmode=verify-full&sslrootcert=${tls('ca.pem')}&sslnegotiation=direct`, true],
      [`sslrootcert=${tls('ca.pem')}`, true],
    ])('%s loads', async (parameters, isEncrypted) => {
      expect(await opened(at('loader', `?${parameters}`))).toBe(isEncrypted)
    })

    it.each([
      ['without TLS', 'loader', 'sslmode=disable&channel_binding=require'],
      ['with a password as it is', 'plain', 'sslmode=require&channel_binding=require'],
      ['with an older kind of password', 'old', 'sslmode=require&channel_binding=require'],
      ['without a password', 'postgres', 'sslmode=require&channel_binding=require'],
    ])('a server that proves nothing is refused %s where the URL asks for proof', async (_, user, parameters) => {
      const failure = await expectFailure(to(at(user, `?${parameters}`)).open(unaborted()), 'DESTINATION_FAILED')
      expect(failure.message).toContain('channel_binding')
      if (user !== 'loader') await opened(at(user, `?${parameters.replace(/binding=require/, 'binding=prefer')}`))
    })

    it('a certificate replaces a password', async () => {
      const certificate = `sslcert=${tls('client.pem')}&sslkey=${tls('client.key')}`
      expect(await opened(at('certified', `?sslmode=require&${certificate}`, ''))).toBe(true)
    })

    it.each([
      ['an unknown authority', 'sslmode=verify-full', 'localhost'],
      ['another authority', `sslmode=verify-full&sslrootcert=${tls('other-ca.pem')}`, 'localhost'],
      ['another authority', `sslmode=verify-ca&sslrootcert=${tls('other-ca.pem')}`, 'localhost'],
      ['another authority', `sslmode=require&sslrootcert=${tls('other-ca.pem')}`, 'localhost'],
      ['another name', `sslmode=verify-full&sslrootcert=${tls('ca.pem')}`, '127.0.0.1'],
    ])('a certificate of %s is refused with %s', async (_, parameters, host) => {
      const failure = await expectFailure(
        to(at('loader', `?${parameters}`, PASSWORD, host)).open(unaborted()),
        'DESTINATION_FAILED',
      )
      expect(failure.message).toContain('sslrootcert')
      expect(failure.cause).toBeInstanceOf(Error)
    })

    it('verify-ca does not check the host name', async () => {
      expect(await opened(at('loader', `?sslmode=verify-ca&sslrootcert=${tls('ca.pem')}`, PASSWORD, '127.0.0.1'))).toBe(
        true,
      )
    })

    it('is refused if the server has none, except with prefer', async () => {
      const bare = place.database.url
      const failure = await expectFailure(to(`${bare}?sslmode=require`).open(unaborted()), 'DESTINATION_FAILED')
      expect(failure.message).toContain('sslmode=disable')
      await to(`${bare}?sslmode=prefer`).open(unaborted())
    })

    it('is reported as missing if the server requires it and the URL does not', async () => {
      const failure = await expectFailure(to(at('encrypted')).open(unaborted()), 'DESTINATION_FAILED')
      expect(failure.message).toContain('sslmode=require')
      expect(await opened(at('encrypted', '?sslmode=require'))).toBe(true)
    })
  })

  describe('fails, saying what to do and no secret,', () => {
    const failing = async (url: string) => {
      const destination = to(url)
      const failures: MixloadError[] = []
      for (const open of [() => destination.open(unaborted()), () => destination.openToRead(unaborted())]) {
        failures.push(
          await open().then(
            () => Promise.reject(new Error('opened')),
            (error: MixloadError) => error,
          ),
        )
      }
      for (const failure of failures) {
        expect(failure).toBeInstanceOf(MixloadError)
        expect(failure.message).toContain('127.0.0.1')
        expect(failure.cause).toBeInstanceOf(Error)
        for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), 'wrong-secret']) {
          expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain(secret)
        }
      }
      expect(failures[0]?.code).toBe(failures[1]?.code)
      return failures[0] as MixloadError
    }
    const here = (user: string, parameters = '', password = PASSWORD) => at(user, parameters, password, '127.0.0.1')

    it.each([
      ['for a wrong password', () => here('loader', '', 'wrong-secret'), 'DESTINATION_FAILED', 'PGPASSWORD'],
      ['for no password', () => here('loader', '', ''), 'DESTINATION_FAILED', 'PGPASSWORD'],
      ['for an unknown user', () => here('nobody'), 'DESTINATION_FAILED', 'pg_hba.conf'],
      ['for a user who is not let in', () => here('stranger'), 'DESTINATION_FAILED', 'pg_hba.conf'],
      [
        'for a database that is not there',
        () => here('postgres').replace('/postgres', '/nowhere'),
        'DESTINATION_FAILED',
        'database',
      ],
      [
        'where nobody listens',
        () => 'postgres://u:wrong-secret@127.0.0.1:1/d',
        'DESTINATION_UNAVAILABLE',
        'ECONNREFUSED',
      ],
    ])('%s', async (_, url, code, advice) => {
      const failure = await failing(url())
      expect(failure.code, failure.message).toBe(code)
      expect(failure.message).toContain(advice)
    })

    it('if the host does not exist', async () => {
      const failure = await expectFailure(
        to('postgres://u:wrong-secret@nowhere.invalid/d').open(unaborted()),
        'DESTINATION_UNAVAILABLE',
      )
      expect(inspect(failure, { depth: 10 })).not.toContain('wrong-secret')
    })

    it('if the server has no connection left', async () => {
      const small = await startPostgres({
        settings: { max_connections: '4', superuser_reserved_connections: '0', reserved_connections: '0' },
      })
      try {
        await withClient(small.url, () =>
          withClient(small.url, () =>
            withClient(small.url, () =>
              withClient(small.url, () => expectFailure(to(small.url).open(unaborted()), 'DESTINATION_UNAVAILABLE')),
            ),
          ),
        )
      } finally {
        await small.stop()
      }
    })

    it('if nobody answers, after the time in the URL', async () => {
      const silent = createServer(() => {}).listen(0, '127.0.0.1')
      await once(silent, 'listening')
      const address = silent.address()
      const port = typeof address === 'object' ? address?.port : undefined
      const url = `postgres://u:wrong-secret@127.0.0.1:${port}/d?connect_timeout=1`
      expect((await failing(url)).code).toBe('DESTINATION_UNAVAILABLE')
      silent.close()
    })

    it('if the server hangs up', async () => {
      const rude = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
      await once(rude, 'listening')
      const address = rude.address()
      const port = typeof address === 'object' ? address?.port : undefined
      for (const parameters of ['', '?sslmode=require']) {
        expect((await failing(`postgres://u:wrong-secret@127.0.0.1:${port}/d${parameters}`)).code).toBe(
          'DESTINATION_UNAVAILABLE',
        )
      }
      rude.close()
    })
  })

  it('ends at once when it is aborted', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const destination = to(`postgres://u@127.0.0.1:${port}/d`)
    const reason = new Error('enough')
    for (const open of [
      (signal: AbortSignal) => destination.open(signal),
      (signal: AbortSignal) => destination.openToRead(signal),
    ]) {
      const controller = new AbortController()
      setTimeout(() => controller.abort(reason), 20)
      await expect(open(controller.signal)).rejects.toBe(reason)
    }
    silent.close()
  })

  it.each(['postgres', 'postgresql'])('goes by the scheme %s', async (scheme) => {
    const url = place.database.url.replace('postgres', scheme)
    const { engine, directory } = place
    await using destination = await createWarehouse({
      url,
      schema: 'x',
      engine,
      workDirectory: directory,
      warn: () => {},
    })
    expect(destination.description).toBe(`postgres://127.0.0.1:${new URL(url).port}/${place.database.name}`)
    await destination.open(unaborted())
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
    expect(await place.query(`SELECT count(*) AS count FROM x.${TABLE}`)).toEqual([{ count: 1n }])
  })
})
