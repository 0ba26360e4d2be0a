import type { CredentialKind } from './credentials.ts'
import { REGIONS, type Region } from './regions.ts'

/** What a message about a refused request says of its credentials and region. */
export interface RefusalAdvice {
  /** The credential, as in "does not accept …". */
  readonly credential: string
  /** What to check if it is not accepted. */
  readonly check: string
  /** What to do if it may not do this. */
  readonly permission: string
  /** Where the project is, if it is not here. */
  readonly region: string
}

const ADVICE: Readonly<Record<CredentialKind, Omit<RefusalAdvice, 'region'>>> = {
  'service-account': {
    credential: 'the service account',
    check:
      'Check MIXPANEL_SERVICE_ACCOUNT, MIXPANEL_SERVICE_ACCOUNT_SECRET, the project id, the region, and that the account has not expired.',
    permission: 'Give the service account access to this data.',
  },
  'project-secret': {
    credential: 'the project secret',
    check: 'Check MIXPANEL_API_SECRET and the region. Mixpanel ends project secrets on 3 March 2027.',
    permission: 'A project secret may not do this: use a service account, or check MIXPANEL_API_SECRET and the region.',
  },
  token: {
    credential: 'the project token',
    check: 'Check the token (MIXPANEL_TOKEN) and the region (--region).',
    permission:
      'The token may be that of another project, or the region another one: check MIXPANEL_TOKEN and --region. A firewall can send this, too.',
  },
}

const OF_EITHER: Omit<RefusalAdvice, 'region'> = {
  credential: 'the credentials',
  check: 'Check the credentials, the project id and the region.',
  permission: 'Give the credentials access to this data.',
}

/** Mixpanel's /import refuses with 400 or 401, so somebody else sends a 403. */
const NOT_MIXPANEL = 'Mixpanel does not send 403 for an import, but a firewall or a proxy does: check them.'

/** What to say of a refused request, whose path this is. Of what is unknown it names everything. */
export function refusalAdvice(
  path: string,
  credential: CredentialKind | undefined,
  region: Region | undefined,
): RefusalAdvice {
  const advice = credential === undefined ? OF_EITHER : ADVICE[credential]
  const others = REGIONS.filter((name) => name !== region).map((name) => `--region ${name}`)
  const here = region === undefined ? 'this region' : `the region ${region}`
  return {
    ...advice,
    ...(/\/import(?:$|[?\s])/.test(path) ? { permission: NOT_MIXPANEL } : {}),
    region: `The project is not in ${here}: set ${others.join(' or ')}. \`mixload check\` finds out which.`,
  }
}
