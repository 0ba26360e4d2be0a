export const REDIRECTS_MAX = 5

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
/** Redirects that repeat the request with its method and form. */
const REPEATS_REQUEST: readonly number[] = [307, 308]

/** What the status and `Location` of a response require. */
export type Redirect =
  | { readonly kind: 'none' }
  | { readonly kind: 'follow'; readonly to: URL }
  /** Following it would send the credentials to another server, or drop the form. */
  | { readonly kind: 'unsafe'; readonly to: URL }

/** The redirect in a response, and whether the client may follow it with its credentials. */
export function redirectOf(status: number, location: string | undefined, from: URL, hasForm: boolean): Redirect {
  if (!REDIRECTS.includes(status) || location === undefined || !URL.canParse(location, from.href))
    return { kind: 'none' }
  const to = new URL(location, from)
  const isSafe = isSameServer(from, to) && (!hasForm || REPEATS_REQUEST.includes(status))
  return { kind: isSafe ? 'follow' : 'unsafe', to }
}

/** Whether two URLs have the same origin, apart from an upgrade to TLS on the default port. */
function isSameServer(from: URL, to: URL): boolean {
  if (to.origin === from.origin) return true
  const isUpgrade = from.protocol === 'http:' && to.protocol === 'https:' && from.port === '' && to.port === ''
  return isUpgrade && to.hostname === from.hostname
}
