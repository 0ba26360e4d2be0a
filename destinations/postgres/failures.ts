import pg from 'pg'
import { type ErrorCode, MixloadError, messageOf } from '../../lib/core/errors.ts'
import type { Login } from './login.ts'

/** What a refusal of the server means for a load. */
interface Meaning {
  readonly code: ErrorCode
  readonly advice?: string
}

const PASSING: Meaning = { code: 'DESTINATION_UNAVAILABLE' }
const passing = (advice: string): Meaning => ({ ...PASSING, advice })
const failed = (advice: string): Meaning => ({ code: 'DESTINATION_FAILED', advice })

/** By SQLSTATE, or by its first two characters. What is not here is a failure that speaks for itself. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  // The connection, and a server that starts, stops or is full.
  '08': PASSING,
  '25P03': PASSING,
  '53300': passing('It needs one connection: raise max_connections, or end sessions that are not needed.'),
  '57P01': PASSING,
  '57P02': PASSING,
  '57P03': PASSING,
  '57P05': PASSING,
  // Something else went first.
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
  '54011': failed('Lower --max-columns. Columns that were dropped count, too, until the table is made anew.'),
  '57014': failed('Somebody, or a time limit outside of mixload, cancelled the statement. Nothing was committed.'),
}

/** After these the server ends the session, though it may take a moment to be seen. */
const ENDS_SESSION = /^(?:08|57P|25P0[34])/

/** Of the system or of Node: the certificate, or the way it was asked for. Waiting would not help. */
const TLS_CODES = /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH)/

/** Five characters that say why, where it is the server that refused. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

/** Whether the server ends the session with this error. */
export function endsSession(error: unknown): boolean {
  return ENDS_SESSION.test(sqlStateOf(error) ?? '')
}

/** A failed statement, or anything else that went wrong between the first and the last one of a step. */
export function statementFailure(what: string, error: unknown, isSessionLost: boolean): MixloadError {
  if (error instanceof MixloadError && error.code !== 'ENGINE_FAILED') return error
  const state = sqlStateOf(error)
  if (state !== undefined) return refusal(what, state, error)
  const code = isSessionLost ? 'DESTINATION_UNAVAILABLE' : 'DESTINATION_FAILED'
  return new MixloadError(code, `${what}: ${messageOf(error)}`, { cause: error })
}

/** `isCut`: the connection was gone when the error came, or never there. */
export function connectFailure(place: string, error: unknown, login: Login, isCut: boolean): MixloadError {
  const what = `Cannot connect to ${place}`
  const state = sqlStateOf(error)
  if (state !== undefined) return refusal(what, state, error)
  const failedWith = (advice: string) =>
    new MixloadError('DESTINATION_FAILED', `${what}: ${messageOf(error)}. ${advice}`, { cause: error })
  if (login.isRefused) return failedWith('With channel_binding=require it must log in by SCRAM over TLS.')
  if (login.hasNoTls)
    return failedWith('The server has no TLS. If the way to it is safe without, use ?sslmode=disable.')
  if (TLS_CODES.test(codeOf(error))) {
    return failedWith('Name the certificate of its authority: ?sslmode=verify-full&sslrootcert=FILE.')
  }
  if (codeOf(error) !== '' || isCut) {
    return new MixloadError('DESTINATION_UNAVAILABLE', `${what}: ${messageOf(error)}`, { cause: error })
  }
  // What is left is the login: a server that asks for a password where there is none.
  return failedWith('Check user and password: in the URL, in PGPASSWORD, or in ~/.pgpass.')
}

function refusal(what: string, state: string, error: unknown): MixloadError {
  const { code, advice } = MEANINGS[state] ?? MEANINGS[state.slice(0, 2)] ?? { code: 'DESTINATION_FAILED' }
  const hint = error instanceof pg.DatabaseError && error.hint !== undefined ? `. ${error.hint}` : ''
  const says = `${what}: ${messageOf(error)}${hint}`.replace(/\.$/, '')
  return new MixloadError(code, advice === undefined ? says : `${says}. ${advice}`, { cause: error })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
