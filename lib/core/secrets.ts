import { findSecrets } from './encodings.ts'

/** Shorter secrets would match unrelated text. */
const LENGTH_MIN = 4
const HIDDEN = '***'
/** The value of an `Authorization` header, of any request, complete or cut. */
const AUTHORIZATION = /\b(Basic|Bearer)\s+[\w+/=.~-]{8,}/gi

/**
 * Masks secrets in a text from outside, such as a proxy's error page that repeats the request.
 * Finds them also as URLs, JSON, HTML, Base64 and hexadecimal encode them, and in several of these
 * at a time.
 */
export function withoutSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  const signed = text.replace(AUTHORIZATION, `$1 ${HIDDEN}`)
  const known = secrets.flatMap((secret = '') => (secret.length < LENGTH_MIN ? [] : [secret]))
  if (known.length === 0) return signed
  const places = findSecrets(signed, known)
  let shown = ''
  let end = 0
  for (const [start, until] of places.toSorted(([a], [b]) => a - b)) {
    // What overlaps is one place.
    if (start >= end) shown += signed.slice(end, start) + HIDDEN
    end = Math.max(end, until)
  }
  return shown + signed.slice(end)
}

/** Masks user and password in the URLs of a text, also in those without two slashes. */
export function withoutLogins(text: string): string {
  return text.replace(/(\b[a-z][a-z\d+.-]*:\/*)[^\s"/][^\s"]*@/gi, `$1${HIDDEN}@`)
}

/** Names of parameters in URLs whose values are secret. Those of files are not. */
const SECRET_PARAMETER = /pass|pwd|token|secret|key|credential|signature|auth/i
const FILE_PARAMETERS = ['sslkey', 'key_file']

/**
 * The secrets in the URL of a destination: a password, or a parameter with a secret's name. What
 * follows the name of a package is secret as a whole. A password that is also the name of the user
 * or the database is not listed, because masking it would hide these.
 */
export function secretsOfUrl(url: string): readonly string[] {
  const [place = '', query = ''] = url.split(/\?(.*)/s)
  // The last @ ends the login: a password may have some that should have been encoded.
  const [, login = ''] = /^[a-z][a-z-]*:(?:[a-z][a-z\d+.-]*:(?=\/))?\/*(.*)@/is.exec(place) ?? []
  const password = /:(.*)/s.exec(login)?.[1] ?? ''
  const parameters = [...new URLSearchParams(query)]
    .filter(([name]) => SECRET_PARAMETER.test(name) && !FILE_PARAMETERS.includes(name))
    .map(([, value]) => value)
  const shown = password === '' ? place : place.replace(`:${password}@`, '@')
  const found = [password, decoded(password), ...parameters, url.startsWith('npm-package:') ? query : '']
  return found.filter((secret) => secret !== '' && !shown.includes(secret))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
