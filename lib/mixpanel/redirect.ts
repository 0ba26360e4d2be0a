/** Redirects that are followed one after the other, at most. */
export const REDIRECTS_MAX = 5

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
/** Of these, the ones after which the same request is sent, its form included. */
const SAME_REQUEST: readonly number[] = [307, 308]

/** What an answer's status and `Location` ask for. */
export type Redirect =
  | { readonly kind: 'none' }
  | { readonly kind: 'follow'; readonly to: URL }
  /** Following it would show the credentials to somebody else, or send a form where none is expected. */
  | { readonly kind: 'unsafe'; readonly to: URL }

/** Where an answer to a request for `from` sends the client, and whether it may go there with its credentials. */
export function redirectOf(status: number, location: string | undefined, from: URL, hasForm: boolean): Redirect {
  if (!REDIRECTS.includes(status) || location === undefined || !URL.canParse(location, from.href))
    return { kind: 'none' }
  const to = new URL(location, from)
  const isSafe = isSameServer(from, to) && (!hasForm || SAME_REQUEST.includes(status))
  return { kind: isSafe ? 'follow' : 'unsafe', to }
}

/** The same origin, or the same host over TLS now, each on its usual port. */
function isSameServer(from: URL, to: URL): boolean {
  if (to.origin === from.origin) return true
  const isUpgrade = from.protocol === 'http:' && to.protocol === 'https:' && from.port === '' && to.port === ''
  return isUpgrade && to.hostname === from.hostname
}
