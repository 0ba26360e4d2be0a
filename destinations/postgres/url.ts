import type { ConnectionOptions } from 'node:tls'
import { parse } from 'pg-connection-string'
import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import type { PostgresAddress } from './session/address.ts'

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

/** Parameters of libpq that change nothing here, so that a URL from another tool works. */
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

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full'] as const
type SslMode = (typeof SSL_MODES)[number]

/** Modes that `pg-connection-string` does not know: TLS without checking the certificate. */
const UNVERIFIED: readonly (SslMode | undefined)[] = ['allow', 'no-verify']

/**
 * Parses a `postgres://` URL with libpq's meaning: `sslmode=require` encrypts and does not check
 * the certificate. The URL and its parameters are checked first, because `pg-connection-string`
 * ignores what it does not know, and a misspelt `sslmode` must not go unnoticed.
 * @throws MixloadError CONFIG_INVALID, without the URL in it, which may hold a password.
 */
export function parseUrl(text: string): PostgresAddress {
  const url = validUrl(text)
  const { searchParams: parameters } = url
  for (const name of WITHOUT_EFFECT) parameters.delete(name)
  if ([...parameters.keys()].some((name) => !(KNOWN as readonly string[]).includes(name))) {
    // The text after a ? may be part of a password, so the message does not show it.
    throw invalid(`has a parameter that is not one of ${KNOWN.join(', ')}`)
  }
  const mode = sslModeOf(parameters)
  const isTlsOptional = mode === 'allow' || mode === 'prefer'
  const isTlsDirect = oneOf(parameters, 'sslnegotiation', ['postgres', 'direct']) === 'direct'
  if (isTlsDirect && (mode === undefined || mode === 'disable' || isTlsOptional)) {
    throw invalid('has sslnegotiation=direct, which needs sslmode=require')
  }
  const port = parameters.get('port') ?? url.port
  const timeout = parameters.get('connect_timeout') ?? CONNECT_TIMEOUT_SECONDS
  const connectTimeoutMs = 1000 * wholeNumber('connect_timeout', timeout, 86_400)
  const { host, user, password, ssl } = readByLibrary(url, mode)
  if (host?.includes(',')) throw invalid('names several hosts; it can name one')
  const passphrase = parameters.get('sslpassword')
  return {
    host: host || undefined,
    port: port === '' ? undefined : wholeNumber('port', port, 65_535),
    user: user || undefined,
    password: password || undefined,
    database: parameters.get('dbname') ?? (decoded(url.pathname.slice(1)) || undefined),
    tls: typeof ssl === 'object' && passphrase !== null ? { ...ssl, passphrase } : ssl,
    isTlsOptional,
    isTlsDirect,
    // Off by default: pg does not support it with every kind of certificate.
    channelBinding: oneOf(parameters, 'channel_binding', ['disable', 'prefer', 'require']) ?? 'disable',
    connectTimeoutMs,
    options: parameters.get('options') ?? undefined,
  }
}

function validUrl(text: string): URL {
  // The cause is left out, because it quotes the URL.
  const url = URL.parse(text)
  // A login in the wrong place would be taken for a database's name, and shown.
  if (url === null || url.hash !== '' || !/^postgres(?:ql)?:\/\//.test(text) || url.pathname.includes('@')) {
    throw invalid(
      'must look like postgres://USER:PASSWORD@HOST:5432/DATABASE. Write characters such as @ / : # ? % in a password ' +
        'in percent encoding, or leave the password out and set PGPASSWORD',
    )
  }
  for (const part of [url.hostname, url.username, url.password, url.pathname]) decoded(part)
  return url
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid('has a % that does not begin a percent encoding: write %25 instead')
  }
}

/** The mode to connect with: that of the URL, or the one that its certificates imply. */
function sslModeOf(parameters: URLSearchParams): SslMode | undefined {
  const given = oneOf(parameters, 'sslmode', SSL_MODES)
  const root = parameters.get('sslrootcert')
  // Certificates without a mode mean that they must be checked.
  const isImplied = ['sslrootcert', 'sslcert', 'sslkey', 'sslpassword'].some((name) => parameters.has(name))
  const mode = given ?? (isImplied ? 'verify-full' : undefined)
  if (root === 'system' && mode !== 'verify-full')
    throw invalid('has sslrootcert=system, which needs sslmode=verify-full')
  // A public authority issues certificates to anybody, so this mode checks nothing unless the URL
  // names a root of its own.
  if (mode === 'verify-ca' && root === null) {
    throw invalid('has sslmode=verify-ca, which needs sslrootcert; otherwise use verify-full')
  }
  return mode
}

function readByLibrary(url: URL, mode: SslMode | undefined) {
  const given = new URL(url)
  if (mode !== undefined) given.searchParams.set('sslmode', UNVERIFIED.includes(mode) ? 'prefer' : mode)
  // Without a root, Node uses its own list of authorities.
  if (given.searchParams.get('sslrootcert') === 'system') given.searchParams.delete('sslrootcert')
  try {
    const { ssl, ...config } = parse(given.href, { useLibpqCompat: true })
    return { ...config, ssl: ssl as ConnectionOptions | false | undefined }
  } catch (error) {
    const message = `--destination: cannot read a certificate or key that the URL names: ${messageOf(error)}.`
    throw new MixloadError('CONFIG_INVALID', message, { cause: error })
  }
}

function oneOf<T extends string>(parameters: URLSearchParams, name: string, allowed: readonly T[]): T | undefined {
  const value = parameters.get(name)
  if (value === null) return undefined
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) throw invalid(`has ${name}=${value}. It can be ${allowed.join(', ')}`)
  return found
}

function wholeNumber(name: string, text: string, max: number): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) > max)
    throw invalid(`has a ${name} that is not a whole number up to ${max}`)
  return Number(text)
}

function invalid(what: string): MixloadError {
  return new MixloadError('CONFIG_INVALID', `--destination: the URL ${what}.`)
}
