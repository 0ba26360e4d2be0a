/** How to authenticate. Mixpanel ends project secrets on 3 March 2027. */
export type Credentials =
  | { readonly kind: 'service-account'; readonly user: string; readonly secret: string }
  | { readonly kind: 'project-secret'; readonly secret: string }

/** What a request authenticates with. */
export type CredentialKind = Credentials['kind'] | 'token'

/** The `Authorization` header for some credentials. A project secret is sent as the user. */
export function authorization(credentials: Credentials): string {
  const { kind, secret } = credentials
  const pair = kind === 'service-account' ? `${credentials.user}:${secret}` : `${secret}:`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}
