import pg from 'pg'
import { messageOf } from '../../../lib/core/errors.ts'
import type { Login } from './login.ts'

/** A connection that could not be made, or was lost before it was of use, with its cause. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError'
  /** How far the login came; undefined if that is not the reason. */
  readonly login: Login | undefined
  /** Whether the connection was gone when the error came, or never there. */
  readonly isCut: boolean

  constructor(cause: unknown, login: Login | undefined, isCut: boolean) {
    super(messageOf(cause), { cause })
    this.login = login
    this.isCut = isCut
  }
}

/** After these the server ends the session, though it may take a moment to be seen. */
const ENDS_SESSION = /^(?:08|57P|25P0[34])/

/** Five characters that say why, if it is the server that refused. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

/** Whether the server ends the session with this error. */
export function endsSession(error: unknown): boolean {
  return ENDS_SESSION.test(sqlStateOf(error) ?? '')
}
