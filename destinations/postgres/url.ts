import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { MixloadError } from '../../lib/core/errors.ts'

/** Where a server is and how to talk to it. What is undefined comes from `PGHOST`, `PGUSER` and so on, as with psql. */
export interface PostgresAddress {
  readonly host: string | undefined
  readonly port: number | undefined
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string | undefined
  /** False for none; undefined leaves it to `PGSSLMODE`. */
  readonly tls: ConnectionOptions | false | undefined
  /** Goes on without TLS where the server has none. */
  readonly isTlsOptional: boolean
  /** TLS from the first byte on, which servers know since version 17. */
  readonly isTlsDirect: boolean
  /** Whether the login is tied to the server's certificate: as `channel_binding` says. */
  readonly channelBinding: 'disable' | 'prefer' | 'require'
  readonly connectTimeoutMs: number
  /** Settings for the server, as in `PGOPTIONS`. */
  readonly options: string | undefined
}

const CONNECT_TIMEOUT_SECONDS = '30'

const KNOWN = [
  'host',
  'port',
  'user',
  'password',
  'dbname',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslnegotiation',
  'channel_binding',
  'connect_timeout',
  'options',
] as const

/** Parameters that libpq takes and that change nothing here, so that a URL that others use need not be rewritten. */
const WITHOUT_EFFECT: readonly string[] = [
  'application_name',
  'fallback_application_name',
  'client_encoding',
  'gssencmode',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'sslcompression',
  'sslsni',
  'target_session_attrs',
  'tcp_user_timeout',
  'uselibpqcompat',
]

type Parameters = ReadonlyMap<string, string>

/**
 * What a `postgres://` URL says, in libpq's words. Where pg's own reading of a URL differs from psql's, psql's is taken:
 * `sslmode=require` encrypts and asks for no certificate.
 * @throws MixloadError CONFIG_INVALID, without the URL in it, which may hold a password.
 */
export function parseUrl(text: string): PostgresAddress {
  const url = parsed(text)
  const parameters = parametersOf(url)
  const given = (name: (typeof KNOWN)[number], fromPath: string) => parameters.get(name) ?? (fromPath || undefined)
  const host = given('host', decoded(url.hostname.replace(/^\[(.*)\]$/, '$1')))
  if (host?.includes(',')) throw invalid('names several hosts; it can name one')
  const port = given('port', url.port)
  const tls = tlsOf(parameters)
  const isTlsDirect = oneOf(parameters, 'sslnegotiation', ['postgres', 'direct']) === 'direct'
  if (isTlsDirect && (!tls.tls || tls.isTlsOptional))
    throw invalid('has sslnegotiation=direct, which needs sslmode=require')
  return {
    host,
    port: port === undefined ? undefined : wholeNumber('port', port, 65_535),
    user: given('user', decoded(url.username)),
    password: given('password', decoded(url.password)),
    database: given('dbname', decoded(url.pathname.slice(1))),
    ...tls,
    isTlsDirect,
    // Not unless asked for: pg cannot do it with every kind of certificate.
    channelBinding: oneOf(parameters, 'channel_binding', ['disable', 'prefer', 'require']) ?? 'disable',
    connectTimeoutMs:
      1000 * wholeNumber('connect_timeout', parameters.get('connect_timeout') ?? CONNECT_TIMEOUT_SECONDS, 86_400),
    options: parameters.get('options'),
  }
}

/** A server's place for messages: no user, no secret. */
export function describeAddress(host: string, port: number, database: string | undefined): string {
  const name = database === undefined ? '' : `/${database}`
  if (host.startsWith('/')) return `postgres://${name}?host=${host}&port=${port}`
  return `postgres://${isIP(host) === 6 ? `[${host}]` : host}:${port}${name}`
}

function parsed(text: string): URL {
  // Without the cause, which quotes the URL.
  const url = URL.parse(text)
  if (url === null || url.hash !== '') {
    throw invalid(
      'must be such as postgres://USER:PASSWORD@HOST:5432/DATABASE. Characters like @ / : # ? % in a password are ' +
        'written in percent encoding, or leave the password out and set PGPASSWORD',
    )
  }
  return url
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid('has a % that begins no percent encoding: write %25 for it')
  }
}

function parametersOf(url: URL): Parameters {
  const parameters = new Map<string, string>()
  for (const [name, value] of url.searchParams) {
    if (WITHOUT_EFFECT.includes(name)) continue
    if (!(KNOWN as readonly string[]).includes(name)) {
      // A misspelt sslmode must not go unnoticed. What follows a ? may be a piece of a password, so it is not shown.
      throw invalid(`has a parameter that is not one of ${KNOWN.join(', ')}`)
    }
    parameters.set(name, value)
  }
  return parameters
}

const MODES = ['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full'] as const

function tlsOf(parameters: Parameters): Pick<PostgresAddress, 'tls' | 'isTlsOptional'> {
  const certificates = certificatesOf(parameters)
  const root = parameters.get('sslrootcert')
  const isSystem = root === 'system'
  // Who names certificates without a mode means them to be looked at.
  const implied = isSystem || Object.keys(certificates).length > 0 ? 'verify-full' : undefined
  const mode = oneOf(parameters, 'sslmode', MODES) ?? implied
  if (isSystem && mode !== 'verify-full') throw invalid('has sslrootcert=system, which needs sslmode=verify-full')
  const unverified = { ...certificates, rejectUnauthorized: false }
  const anyName = { ...certificates, checkServerIdentity: () => undefined }
  switch (mode) {
    case undefined:
      return { tls: undefined, isTlsOptional: false }
    case 'disable':
      return { tls: false, isTlsOptional: false }
    case 'allow':
    case 'prefer':
      return { tls: unverified, isTlsOptional: true }
    case 'no-verify':
      return { tls: unverified, isTlsOptional: false }
    case 'require':
      return { tls: root === undefined ? unverified : anyName, isTlsOptional: false }
    case 'verify-ca':
      // Anybody can get a certificate of a public authority for another name.
      if (root === undefined) throw invalid('has sslmode=verify-ca, which needs sslrootcert; else use verify-full')
      return { tls: anyName, isTlsOptional: false }
    case 'verify-full':
      return { tls: certificates, isTlsOptional: false }
  }
}

function certificatesOf(parameters: Parameters): ConnectionOptions {
  const file = (name: 'sslrootcert' | 'sslcert' | 'sslkey') => {
    const path = parameters.get(name)
    if (path === undefined || path === 'system') return undefined
    try {
      return readFileSync(path)
    } catch (error) {
      throw new MixloadError('CONFIG_INVALID', `--destination: the file of ${name}, ${path}, cannot be read.`, {
        cause: error,
      })
    }
  }
  const [ca, cert, key] = [file('sslrootcert'), file('sslcert'), file('sslkey')]
  const passphrase = parameters.get('sslpassword')
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  }
}

function oneOf<T extends string>(parameters: Parameters, name: string, allowed: readonly T[]): T | undefined {
  const value = parameters.get(name)
  if (value === undefined) return undefined
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw invalid(`has ${name}=${value}. It can be ${allowed.join(', ')}`)
  return found
}

function wholeNumber(name: string, text: string, most: number): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) > most) throw invalid(`has a ${name} that is no number up to ${most}`)
  return Number(text)
}

function invalid(what: string): MixloadError {
  return new MixloadError('CONFIG_INVALID', `--destination: the URL ${what}.`)
}
