import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withoutLogins, withoutSecrets } from '../../lib/core/secrets.ts'

const secret = fc.string({ minLength: 8, maxLength: 40, unit: 'grapheme' })
const around = fc.string({ maxLength: 20 })
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('a text from outside', () => {
  it.each<[string, (secret: string, before: string) => string]>([
    ['as it is', (text) => text],
    ['as URLs write it', (text) => encodeURIComponent(text)],
    ['as JSON writes it', (text) => JSON.stringify(text)],
    ['as JSON in JSON writes it', (text) => JSON.stringify(JSON.stringify(text))],
    ['as HTTP signs with it', (text, user) => `Basic ${base64(`${user}:${text}`)}`],
    ['as HTTP signs with it alone', (text) => `Basic ${base64(`${text}:`)}`],
    ['within Base64 of any kind', (text, before) => base64(`${before}${text}after`)],
  ])('is shown without a secret %s', (_, written) => {
    fc.assert(
      fc.property(secret, around, around, (hidden, before, after) => {
        fc.pre(!'***'.includes(hidden) && hidden.isWellFormed())
        const form = written(hidden, before)
        const shown = withoutSecrets(`${before} ${form} ${after}`, [undefined, hidden])
        expect(shown).toContain('***')
        for (const text of [hidden, encodeURIComponent(hidden), form]) expect(shown).not.toContain(text)
        // What is left of the Base64 shows nothing of it either, except at its ends.
        for (const rest of shown.split(/[^\w+/=]+/)) {
          expect(Buffer.from(rest, 'base64').toString()).not.toContain(hidden)
        }
      }),
    )
  })

  it('is shown without half of a signature where it breaks off', () => {
    const page = `You sent: Authorization: Basic ${base64('user:a secret of some length')}`
    for (let end = page.length; end > page.length - 20; end--) {
      expect(withoutSecrets(page.slice(0, end), [])).toBe('You sent: Authorization: Basic ***')
    }
  })

  it('is shown unchanged if it has none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!text.includes('hush'))
        expect(withoutSecrets(text, ['hush-hush', '', undefined])).toBe(text)
      }),
    )
  })
})

it('a value that may be a URL is shown without user and password', () => {
  expect(withoutLogins('"postgres://u:p@ss/word@host/d"')).toBe('"postgres://***@host/d"')
  expect(withoutLogins('["http://host/a","ftp://u:p@host"]')).toBe('["http://host/a","ftp://***@host"]')
  expect(withoutLogins('"a@b"')).toBe('"a@b"')
})
