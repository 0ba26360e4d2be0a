/** Shorter ones would be found in places where they mean nothing. */
const LENGTH_MIN = 4
const BASE64_LENGTH_MIN = 8
const HIDDEN = '***'
/** What signs a request, whoever's it is, and be it broken off. */
const AUTHORIZATION = /\b(Basic|Bearer)\s+[\w+/=.~-]{8,}/gi

/**
 * A text of others, such as the page of a proxy that repeats what it was sent, without secrets: neither as they are nor as
 * URLs, JSON and the Basic scheme of HTTP write them.
 */
export function withoutSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  const forms = secrets.flatMap((secret) => (secret === undefined ? [] : formsOf(secret)))
  const longestFirst = [...new Set(forms)].toSorted((one, other) => other.length - one.length)
  const signed = text.replace(AUTHORIZATION, `$1 ${HIDDEN}`)
  return longestFirst.reduce((shown, form) => shown.replaceAll(form, HIDDEN), signed)
}

/** A value without what may be the name and password in its URL. */
export function withoutLogins(text: string): string {
  return text.replace(/:\/\/[^\s"]*@/g, `://${HIDDEN}@`)
}

function formsOf(secret: string): readonly string[] {
  if (secret.length < LENGTH_MIN) return []
  const inJson = JSON.stringify(secret).slice(1, -1)
  const plain = [secret, encodeURIComponent(secret), inJson, JSON.stringify(inJson).slice(1, -1)]
  const encoded = [0, 1, 2].map((before) => base64Within(secret, before))
  return [...plain, ...encoded.filter(({ length }) => length >= BASE64_LENGTH_MIN)]
}

/** The characters that are the same in the Base64 of any text that has so many bytes, modulo three, before the secret. */
function base64Within(secret: string, before: number): string {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)])
  return bytes.toString('base64').slice(Math.ceil((before * 4) / 3), Math.floor((bytes.length * 4) / 3))
}
