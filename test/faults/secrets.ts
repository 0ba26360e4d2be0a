import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Values that must be only where the user has put them. None of them can occur by chance. */
export const SECRETS = {
  account: 'AccountSecretQ7/x+y=z',
  project: 'ProjectSecretQ7',
  token: 'ProjectTokenQ7',
  postgres: 'PostgresPassword Q7/@:%',
  wrong: 'WrongPassword Q7/@:%',
  key: 'PrivateKeyQ7',
} as const

/** The service account that has its secret. */
export const ACCOUNT = 'test.mp-service-account'

/** Each as it is, and as URLs, JSON and HTTP's Basic scheme write it. */
const FORMS: ReadonlyMap<string, string> = new Map(
  Object.entries(SECRETS).flatMap(([name, secret]) =>
    [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      ...[`${secret}:`, `user:${secret}`, `${ACCOUNT}:${secret}`].map(base64),
      // What the encoding of a longer text has wherever the secret is in it.
      ...[0, 1, 2].map((at) => base64('x'.repeat(at) + secret).slice(4, -4)),
    ].map((form) => [form, name] as const),
  ),
)

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** The names of the secrets that are in some bytes, each with a little of the text around it. */
export function secretsIn(bytes: Buffer | string): readonly string[] {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('latin1')
  return [...FORMS].flatMap(([form, name]) => {
    const at = text.indexOf(form)
    return at < 0 ? [] : [`${name}: ${text.slice(Math.max(0, at - 80), at + form.length + 20)}`]
  })
}

/** Those in the names and contents of all files below a directory, except some. */
export function secretsBelow(directory: string, except: (path: string) => boolean = () => false): readonly string[] {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
  return names.flatMap((entry) => {
    const path = join(entry.parentPath, entry.name)
    if (except(path)) return []
    let content: Buffer = Buffer.alloc(0)
    try {
      if (entry.isFile()) content = readFileSync(path)
    } catch {
      // It has gone meanwhile.
    }
    return [...secretsIn(path), ...secretsIn(content).map((found) => `${path}: ${found}`)]
  })
}
