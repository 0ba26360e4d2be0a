import pg from 'pg'
import { messageOf } from '../../../lib/core/errors.ts'
import type { Login } from './login.ts'

/** A connection that could not be made, or was lost before it was usable, with its cause. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError'
  /** How far the login got; undefined if the login is not the reason. */
  readonly login: Login | undefined
  /** Whether there was no connection when the error occurred. */
  readonly isCut: boolean

  constructor(cause: unknown, login: Login | undefined, isCut: boolean) {
    super(messageOf(cause), { cause })
    this.login = login
    this.isCut = isCut
  }
}

/** After these errors the server ends the session, which may take a moment to notice. */
const ENDS_SESSION = /^(?:08|57P|25P0[34])/

/** The SQLSTATE of an error of the server: five characters; undefined for other errors. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

/** Whether the server ends the session with this error. */
export function endsSession(error: unknown): boolean {
  return ENDS_SESSION.test(sqlStateOf(error) ?? '')
}
