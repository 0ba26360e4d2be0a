import { randomBytes, scryptSync } from 'node:crypto'

const BYTES = 16

/** A text by which a secret is recognized later, and from which it cannot be computed. */
export function markOf(secret: string): string {
  return marked(secret, randomBytes(BYTES).toString('hex'))
}

/** Whether such a text was made from this secret. */
export function isMarkOf(secret: string, mark: string): boolean {
  const [salt = ''] = mark.split('.')
  return marked(secret, salt) === mark
}

/** Slow on purpose, so that short secrets cannot be guessed either. */
function marked(secret: string, salt: string): string {
  return `${salt}.${scryptSync(secret, salt, BYTES).toString('hex')}`
}
