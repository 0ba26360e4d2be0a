import pg from 'pg'
import { messageOf } from '../../lib/core/errors.ts'
import type { Explanation } from '../../lib/destination/contract.ts'
import { ConnectError } from './session/errors.ts'

const PASSING: Explanation = { code: 'DESTINATION_UNAVAILABLE' }
const passing = (advice: string): Explanation => ({ ...PASSING, advice })
const failed = (advice: string): Explanation => ({ code: 'DESTINATION_FAILED', advice })

/** By SQLSTATE, or by its first two characters. The messages of all other errors are enough. */
const MEANINGS: Readonly<Record<string, Explanation>> = {
  // The connection, and a server that starts, stops or is full.
  '08': PASSING,
  '25P03': PASSING,
  '53300': passing('It needs one connection: raise max_connections, or end sessions that are not needed.'),
  '57P01': PASSING,
  '57P02': PASSING,
  '57P03': PASSING,
  '57P05': PASSING,
  // Another transaction went first.
  '40001': PASSING,
  '40P01': PASSING,
  '55P03': passing('Another session has locked a table of this schema: pg_stat_activity and pg_locks name it.'),
  '25006': failed('This server only reads: is it a standby, or is default_transaction_read_only on?'),
  '28': failed(
    'The server does not let this user in. Check user, host and pg_hba.conf; if it asks for encryption, add ?sslmode=require.',
  ),
  '28P01': failed('Check user and password: in the URL, in PGPASSWORD, or in ~/.pgpass.'),
  '3D000': failed('Make the database first, or correct its name in the URL.'),
  '42501': failed('See the documentation of destinations for the rights that are needed.'),
  '53100': failed('The disk of the server is full. Nothing was committed; make room and run again.'),
  '54000': failed('Fill fewer columns in a row: exclude properties, or lower --max-columns.'),
  '54011': failed('Lower --max-columns. Columns that were dropped count, too, until the table is recreated.'),
  '57014': failed('Somebody, or a time limit outside of mixload, cancelled the statement. Nothing was committed.'),
}

/** Codes of the system and of Node for problems with certificates, which do not pass. */
const TLS_CODES = /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH)/

/** What an error of a statement or of connecting means. */
export function explain(error: unknown): Explanation | undefined {
  if (error instanceof ConnectError) return explainStatement(error.cause) ?? explainConnecting(error)
  return explainStatement(error)
}

function explainStatement(error: unknown): Explanation | undefined {
  if (!(error instanceof pg.DatabaseError)) return undefined
  const state = error.code ?? ''
  const meaning = MEANINGS[state] ?? MEANINGS[state.slice(0, 2)] ?? { code: 'DESTINATION_FAILED' }
  const hint = error.hint === undefined ? '' : `. ${error.hint}`
  return { ...meaning, reason: `${messageOf(error)}${hint}` }
}

function explainConnecting({ cause, login, isCut }: ConnectError): Explanation {
  if (login?.isRefused) return failed('channel_binding=require needs a login by SCRAM over TLS.')
  if (login?.hasNoTls) return failed('The server has no TLS. If the network is safe without it, use ?sslmode=disable.')
  const code = codeOf(cause)
  if (TLS_CODES.test(code)) {
    return failed('Name the certificate of its authority: ?sslmode=verify-full&sslrootcert=FILE.')
  }
  if (code !== '' || isCut) return { code: 'DESTINATION_UNAVAILABLE' }
  // Only the login is left: the server asks for a password, and there is none.
  return failed('Check user and password: in the URL, in PGPASSWORD, or in ~/.pgpass.')
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
