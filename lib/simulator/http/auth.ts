/** Everything that opens the simulated project. */
export interface Credentials {
  readonly projectId: string
  readonly serviceAccount: { readonly user: string; readonly secret: string }
  /** The project secret; Mixpanel retires these in March 2027. */
  readonly apiSecret: string
  /** The project token, good for ingestion only. */
  readonly token: string
}

/** Who sends a request. `stranger` covers missing and wrong credentials alike. */
export type Caller = 'service-account' | 'secret' | 'token' | 'stranger'

/** Tells the sender from the `Authorization` header alone. */
export function callerOf(authorization: string | undefined, credentials: Credentials): Caller {
  for (const { user, password } of basicPairs(authorization)) {
    const { serviceAccount, apiSecret, token } = credentials
    if (user === serviceAccount.user && password === serviceAccount.secret) return 'service-account'
    if (password !== '') continue
    if (user === apiSecret) return 'secret'
    if (user === token) return 'token'
  }
  return 'stranger'
}

/** Export and query: a service account has to name the project; a secret belongs to one, so it need not. */
export function mayRead(caller: Caller, projectId: string | undefined, credentials: Credentials): boolean {
  if (caller === 'service-account') return projectId === credentials.projectId
  return caller === 'secret' && (projectId === undefined || projectId === credentials.projectId)
}

/** Mixpanel takes `user:password` after `Basic` as base64 and as it is, and a name without a colon as having no password. */
function basicPairs(authorization: string | undefined): { user: string; password: string }[] {
  const given = /^Basic\s+(.*)$/i.exec(authorization ?? '')?.[1]?.trim()
  if (given === undefined || given === '') return []
  return [given, Buffer.from(given, 'base64').toString('utf8')].map((text) => {
    const colon = text.indexOf(':')
    return colon < 0 ? { user: text, password: '' } : { user: text.slice(0, colon), password: text.slice(colon + 1) }
  })
}
