import pg from 'pg'

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
