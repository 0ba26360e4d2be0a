import { MixloadError } from '../lib/core/errors.ts'
import type { ImportCredentials } from '../lib/ingest/client-options.ts'
import { ingestionHost } from '../lib/mixpanel/regions.ts'
import type { Settings } from '../lib/settings.ts'

/** The project that a command sends to. */
export interface Recipient {
  /** The project and the host, in words and without a secret. */
  readonly name: string
  /** What lets the command in. A token is for sending only; others also read. */
  readonly access: { readonly token: string } | { readonly credentials: ImportCredentials }
}

/** Characters of a token that are shown; Mixpanel's tokens have 32. */
const TOKEN_END = 4
const TOKEN_LENGTH_LEAST = 16

/**
 * The project that the settings decide. `isImport`: without a token, other credentials may be used.
 * @throws MixloadError CONFIG_INVALID if the token is missing.
 */
export function recipientOf(settings: Settings, isImport: boolean): Recipient {
  const { region, apiUrl } = settings
  const credentials = isImport ? importCredentials(settings) : undefined
  const { host } = new URL(ingestionHost(region, apiUrl))
  if (credentials === undefined) {
    const access = { token: tokenOf(settings) }
    const isLong = access.token.length >= TOKEN_LENGTH_LEAST
    const end = isLong ? `project token …${access.token.slice(-TOKEN_END)}` : 'project token'
    return { name: `the project of the ${end} at ${host}`, access }
  }
  const project =
    credentials.kind === 'service-account' ? `project ${credentials.projectId}` : 'the project of the project secret'
  return { name: `${project} at ${host}`, access: { credentials } }
}

function tokenOf({ token }: Settings): string {
  if (token !== undefined) return token
  throw new MixloadError(
    'CONFIG_INVALID',
    'No project token. Set MIXPANEL_TOKEN (Mixpanel: Settings, Project settings, Overview), or token in mixload.yaml.',
  )
}

/** A token wins, so that a service account never writes to the project that it reads. */
function importCredentials(settings: Settings): ImportCredentials | undefined {
  const { token, serviceAccount: user, serviceAccountSecret: secret, projectId, apiSecret } = settings
  if (token !== undefined) return undefined
  if (user !== undefined && secret !== undefined && projectId !== undefined) {
    return { kind: 'service-account', user, secret, projectId }
  }
  return apiSecret === undefined ? undefined : { kind: 'project-secret', secret: apiSecret }
}
