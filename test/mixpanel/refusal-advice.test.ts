import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CredentialKind } from '../../lib/mixpanel/credentials.ts'
import { refusalAdvice } from '../../lib/mixpanel/refusal-advice.ts'
import { REGIONS } from '../../lib/mixpanel/regions.ts'
import { refusalError } from '../../lib/mixpanel/response-errors.ts'

/** Words that belong to one kind of credential only. */
const WORDS: Readonly<Record<CredentialKind, RegExp>> = {
  'service-account': /MIXPANEL_SERVICE_ACCOUNT|give the service account/i,
  'project-secret': /MIXPANEL_API_SECRET/,
  token: /MIXPANEL_TOKEN/,
}
const KINDS = Object.keys(WORDS) as CredentialKind[]

const refuse = (status: number, path: string, credential: CredentialKind, text = 'no') =>
  refusalError({
    status,
    body: JSON.stringify({ error: text }),
    request: `POST ${path}`,
    retryAfter: undefined,
    credential,
  })

describe('a refused request', () => {
  it('is explained by the credential that it used, and by no other', () => {
    const path = fc.constantFrom('/track', '/engage', '/groups', '/api/query/engage')
    fc.assert(
      fc.property(fc.constantFrom(401, 403), path, fc.constantFrom(...KINDS), (status, of, kind) => {
        const { message } = refuse(status, of, kind)
        expect(message).toContain(of)
        for (const word of KINDS) expect(WORDS[word].test(message), `${word}: ${message}`).toBe(word === kind)
      }),
    )
  })

  it.each(KINDS)('by 403 at /import was refused by somebody else, whatever it used: %s', (kind) => {
    const { code, message } = refuse(403, '/import', kind)
    expect(code).toBe('PERMISSION_REFUSED')
    expect(message).toContain('a firewall or a proxy')
    for (const word of Object.values(WORDS)) expect(message).not.toMatch(word)
  })

  it('by 401 at /import is explained by the credential', () => {
    expect(refuse(401, '/import', 'token').message).toContain('MIXPANEL_TOKEN')
    expect(refuse(401, '/import', 'service-account').message).toContain('MIXPANEL_SERVICE_ACCOUNT_SECRET')
  })

  it('says what Mixpanel said, even in words that the messages use', () => {
    expect(refuse(403, '/track', 'token', 'CHECK the REGION and TEXT').message).toContain('(CHECK the REGION and TEXT)')
  })
})

describe('a project in another region', () => {
  const body = JSON.stringify({
    request: '/api/query/events/names?project_id=1',
    error: 'request failed with error: invalid project id for cluster.',
  })

  it.each(REGIONS)('than %s: the other ones are named, and nothing is tried again', (region) => {
    const error = refusalError({ status: 400, body, request: 'GET /x', retryAfter: undefined, region })
    expect([error.code, error.exitCode, error.retry]).toEqual(['CREDENTIALS_REFUSED', 2, false])
    expect(error.message).toContain(`not in the region ${region}`)
    for (const name of REGIONS) expect(error.message.includes(`--region ${name}`)).toBe(name !== region)
  })

  it('than an unknown one: all are named', () => {
    for (const name of REGIONS) expect(refusalAdvice('/x', undefined, undefined).region).toContain(`--region ${name}`)
  })
})
