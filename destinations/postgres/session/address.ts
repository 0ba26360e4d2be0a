import { isIP } from 'node:net'
import { hostname } from 'node:os'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { MixloadError, messageOf } from '../../../lib/core/errors.ts'

/** Where a server is. For undefined fields, `PGHOST`, `PGUSER` and so on apply, as in psql. */
export interface PostgresAddress {
  readonly host: string | undefined
  readonly port: number | undefined
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string | undefined
  /** False for no TLS; undefined leaves the choice to `PGSSLMODE`. */
  readonly tls: ConnectionOptions | false | undefined
  /** Whether to connect without TLS if the server has none. */
  readonly isTlsOptional: boolean
  /** Whether TLS starts with the first byte, which servers support since version 17. */
  readonly isTlsDirect: boolean
  /** Whether the login is bound to the server's certificate: the value of `channel_binding`. */
  readonly channelBinding: 'disable' | 'prefer' | 'require'
  readonly connectTimeoutMs: number
  /** Options for the server, as in `PGOPTIONS`. */
  readonly options: string | undefined
}

const KEEP_ALIVE_AFTER_MS = 60_000

/** The name of this session in the server's list of sessions. */
const APPLICATION_NAME = `mixload ${process.pid}@${hostname()}`

/** The configuration of a pg client for an address. */
export function configOf(address: PostgresAddress, tls: PostgresAddress['tls']): pg.ClientConfig {
  const { host, port, user, password, database, options } = address
  return {
    host,
    port,
    user,
    password,
    database,
    options,
    ssl: tls,
    ...(address.isTlsDirect ? { sslnegotiation: 'direct' as const } : {}),
    enableChannelBinding: address.channelBinding !== 'disable',
    connectionTimeoutMillis: address.connectTimeoutMs,
    application_name: APPLICATION_NAME,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    types: { getTypeParser: () => (text: string) => text },
  }
}

/**
 * The URL of an address for messages, completed from the environment, without user and password.
 * @throws MixloadError CONFIG_INVALID if the environment does not fit the address.
 */
export function placeOf(address: PostgresAddress): string {
  try {
    const { host, port, database } = new pg.Client(configOf(address, address.tls))
    const name = database == null ? '' : `/${database}`
    if (host.startsWith('/')) return `postgres://${name}?host=${host}&port=${port}`
    return `postgres://${isIP(host) === 6 ? `[${host}]` : host}:${port}${name}`
  } catch (error) {
    throw new MixloadError('CONFIG_INVALID', `--destination: ${messageOf(error)}`, { cause: error })
  }
}
