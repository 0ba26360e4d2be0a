import type { Socket } from 'node:net'
import type pg from 'pg'

/** What a login came to that pg does not tell in a form to act on. */
export interface Login {
  /** The server has answered that it knows no TLS. */
  readonly hasNoTls: boolean
  /** The server was asked to prove that it owns its certificate, and pg checks that it does. */
  readonly isBound: boolean
  /** It was to prove that, and would have let us in without. */
  readonly isRefused: boolean
}

/** The first byte of the answer to the question for TLS, where there is none. */
const NO_TLS = 'N'.charCodeAt(0)
/** The way to log in that proves it. */
const BINDING = 'SCRAM-SHA-256-PLUS'

/** Watches a login. Where the channel must be bound, no other way of logging in is taken. */
export function watchLogin(client: pg.Client, socket: Socket, mustBind: boolean): Login {
  const login = { hasNoTls: false, isBound: false, isRefused: false }
  if (client.ssl) {
    socket.once('data', (answer: Buffer) => {
      login.hasNoTls = answer[0] === NO_TLS
    })
  }
  if (!mustBind) return login
  const refuse = () => {
    login.isRefused = true
    socket.destroy()
  }
  const { connection } = client
  connection.on('authenticationSASL', ({ mechanisms }: { readonly mechanisms: readonly string[] }) => {
    login.isBound = mechanisms.includes(BINDING)
    if (!login.isBound) refuse()
  })
  connection.on('authenticationCleartextPassword', refuse)
  connection.on('authenticationMD5Password', refuse)
  // The first thing after a login, which may have come without any of those.
  connection.once('backendKeyData', () => {
    if (!login.isBound) refuse()
  })
  return login
}
