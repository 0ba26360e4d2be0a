import { messageOf } from '../../../lib/core/errors.ts'
import type { Login } from './login.ts'

/**
 * A connection that could not be made, or was lost before it was of use. Its cause is the error
 * behind that.
 */
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
