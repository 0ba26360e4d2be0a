/** Shorter secrets would match unrelated text. */
const LENGTH_MIN = 4
const BASE64_LENGTH_MIN = 8
const HIDDEN = '***'
/** The value of an `Authorization` header, of any request, complete or cut. */
const AUTHORIZATION = /\b(Basic|Bearer)\s+[\w+/=.~-]{8,}/gi

/**
 * Masks secrets in a text from outside, in all forms that URLs, JSON and Basic auth have them in.
 */
export function withoutSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  const forms = secrets.flatMap((secret) => (secret === undefined ? [] : formsOf(secret)))
  const longestFirst = [...new Set(forms)].toSorted((a, b) => b.length - a.length)
  const signed = text.replace(AUTHORIZATION, `$1 ${HIDDEN}`)
  return longestFirst.reduce((shown, form) => shown.replaceAll(form, HIDDEN), signed)
}

/** Masks user and password in the URLs of a text. */
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

/** The Base64 characters that depend on the secret alone when `before` other bytes precede it. */
function base64Within(secret: string, before: number): string {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)])
  return bytes.toString('base64').slice(Math.ceil((before * 4) / 3), Math.floor((bytes.length * 4) / 3))
}
