import type { Socket } from 'node:net'
import type pg from 'pg'

/** The facts of a login that pg does not report in a usable form. */
export interface Login {
  /** The server has answered that it knows no TLS. */
  readonly hasNoTls: boolean
  /** The server must prove that it owns its certificate, and pg checks the proof. */
  readonly isBound: boolean
  /** The proof was required, and the server would have accepted a login without it. */
  readonly isRefused: boolean
}

/** The first byte of the response to a request for TLS, if the server has none. */
const NO_TLS = 'N'.charCodeAt(0)
/** The SASL mechanism with the proof. */
const BINDING = 'SCRAM-SHA-256-PLUS'

/** Watches a login. With `mustBind`, refuses every login that is not bound to the certificate. */
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
  // The first message after a login, which may have needed none of these.
  connection.once('backendKeyData', () => {
    if (!login.isBound) refuse()
  })
  return login
}
