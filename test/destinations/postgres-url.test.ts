import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parseUrl } from '../../destinations/postgres/url.ts'
import { MixloadError } from '../../lib/core/errors.ts'

const tls = (name: string) => `${import.meta.dirname}/../postgres/tls/${name}`

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'none'
  } catch (error) {
    return error instanceof MixloadError ? error.code : String(error)
  }
}

describe('a Postgres URL', () => {
  it.each([
    ['postgres://h', { host: 'h' }],
    ['postgresql://u:p@h:5433/d', { host: 'h', port: 5433, user: 'u', password: 'p', database: 'd' }],
    ['postgres://u%40x:p%2F%3A%25@h/my%20db', { user: 'u@x', password: 'p/:%', database: 'my db' }],
    ['postgres://[::1]:5433/d', { host: '::1', port: 5433 }],
    ['postgres:///d?host=/run/postgresql&port=5433', { host: '/run/postgresql', port: 5433, database: 'd' }],
    ['postgres://%2Frun%2Fpostgresql/d', { host: '/run/postgresql', database: 'd' }],
    ['postgres://h/d?user=u&password=p&dbname=e', { user: 'u', password: 'p', database: 'e' }],
    [
      'postgres://h/d?connect_timeout=5&options=-c%20work_mem%3D1MB',
      { connectTimeoutMs: 5000, options: '-c work_mem=1MB' },
    ],
    ['postgres://h/d?application_name=x&target_session_attrs=read-write', { host: 'h' }],
    ['postgres://h/d?channel_binding=disable', { channelBinding: 'disable' }],
    ['postgres://h/d?sslmode=require&channel_binding=require', { channelBinding: 'require' }],
    ['postgres://', { host: undefined, port: undefined, user: undefined, password: undefined, database: undefined }],
  ])('such as %s is read as psql reads it', (url, expected) => {
    expect(parseUrl(url)).toMatchObject(expected)
  })

  it.each([
    ['', undefined, false],
    ['sslmode=disable', false, false],
    ['sslmode=prefer', { rejectUnauthorized: false }, true],
    ['sslmode=require', { rejectUnauthorized: false }, false],
    ['sslmode=no-verify', { rejectUnauthorized: false }, false],
    [
      `sslmode=require&sslrootcert=${tls('ca.pem')}`,
      { ca: expect.any(String), checkServerIdentity: expect.any(Function) },
      false,
    ],
    [
      `sslmode=verify-ca&sslrootcert=${tls('ca.pem')}`,
      { ca: expect.any(String), checkServerIdentity: expect.any(Function) },
      false,
    ],
    ['sslmode=verify-full', {}, false],
    ['sslrootcert=system', {}, false],
    [`sslrootcert=${tls('ca.pem')}`, { ca: expect.any(String) }, false],
    [
      `sslmode=verify-full&sslcert=${tls('client.pem')}&sslkey=${tls('client.key')}&sslpassword=x`,
      { cert: expect.any(String), key: expect.any(String), passphrase: 'x' },
      false,
    ],
  ])('with %j asks for the encryption that psql would', (parameters, expected, isTlsOptional) => {
    const address = parseUrl(`postgres://h/d?${parameters}`)
    expect(address.tls).toEqual(expected)
    expect(address.isTlsOptional).toBe(isTlsOptional)
  })

  it.each([
    'postgres://u:se#cret@h/d',
    'postgres://u:12#cret@h/d',
    'postgres://u:12?secret@h/d',
    'postgres://u:12?secret=1@h/d',
    'postgres://u:se%cret@h/d',
    'postgres://u:secret@h:port/d',
    'postgres://u:secret@h:99999/d',
    'postgres://u:secret@h/d?port=99999',
    'postgres://u:secret@one,two/d',
    'postgres://u:secret@h/d?sslmod=verify-full',
    'postgres://u:secret@h/d?sslmode=verify_full',
    'postgres://u:secret@h/d?sslmode=verify-ca',
    'postgres://u:secret@h/d?sslmode=require&sslrootcert=system',
    'postgres://u:secret@h/d?sslrootcert=/not/there.pem',
    'postgres://u:secret@h/d?connect_timeout=soon',
    'postgres://u:secret@h/d?sslnegotiation=direct',
    'postgres://u:secret@h/d?sslnegotiation=direct&sslmode=prefer',
    'postgres://u:secret@h/d?channel_binding=maybe',
  ])('such as %s is refused, without what may be secret in it', (url) => {
    let refusal: unknown
    expect(codeOf(() => parseUrl(url))).toBe('CONFIG_INVALID')
    try {
      parseUrl(url)
    } catch (error) {
      refusal = error
    }
    expect(inspect(refusal, { depth: 10 }).replaceAll(import.meta.dirname, '')).not.toMatch(/(?<!may be )se.?cret/)
    expect((refusal as Error).message).toContain('--destination')
  })
})
