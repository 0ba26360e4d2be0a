import type { SimulatorCredentials } from '../stores/options.ts'
import type { SimulatorContext } from './reply.ts'

/** Who sent a request. `unknown`: the credentials are missing or wrong. */
type Caller = 'service-account' | 'secret' | 'token' | 'unknown'

/** Identifies the caller by the `Authorization` header. */
export function callerOf(
  context: SimulatorContext,
  { serviceAccount, apiSecret, token }: SimulatorCredentials,
): Caller {
  for (const { user, password } of basicPairs(context.req.header('authorization'))) {
    if (user === serviceAccount.user && password === serviceAccount.secret) return 'service-account'
    if (password !== '') continue
    if (user === apiSecret) return 'secret'
    if (user === token) return 'token'
  }
  return 'unknown'
}

/** Whether a caller may export and query. A service account must name the project. */
export function mayRead(caller: Caller, projectId: string | undefined, credentials: SimulatorCredentials): boolean {
  if (caller === 'service-account') return projectId === credentials.projectId
  return caller === 'secret' && (projectId === undefined || projectId === credentials.projectId)
}

/** Mixpanel accepts `user:password` in Base64 and as plain text; `user` has no password. */
function basicPairs(authorization: string | undefined): { user: string; password: string }[] {
  const value = /^Basic\s+(.*)$/i.exec(authorization ?? '')?.[1]?.trim()
  if (value === undefined || value === '') return []
  return [value, Buffer.from(value, 'base64').toString('utf8')].map((text) => {
    const colon = text.indexOf(':')
    return colon < 0 ? { user: text, password: '' } : { user: text.slice(0, colon), password: text.slice(colon + 1) }
  })
}
