import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { secretsOfUrl, withoutLogins, withoutSecrets } from '../../lib/core/secrets.ts'

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

  // Each writes a character in one of its ways, in the order that the numbers give.
  const hex = (code: number, digits: number) => code.toString(16).padStart(digits, '0')
  const units = (text: string, write: (code: number) => string) =>
    text
      .split('')
      .map((unit) => write(unit.charCodeAt(0)))
      .join('')
  const ENCODERS: readonly ((character: string) => string)[] = [
    (character) => character,
    encodeURIComponent,
    (character) => [...Buffer.from(character)].map((byte) => `%${hex(byte, 2)}`).join(''),
    (character) => [...Buffer.from(character)].map((byte) => `%25${hex(byte, 2).toUpperCase()}`).join(''),
    (character) => units(character, (code) => `\\u${hex(code, 4)}`),
    (character) => units(character, (code) => `\\\\u${hex(code, 4).toUpperCase()}`),
    (character) => `&#${character.codePointAt(0)};`,
    (character) => `&#x${hex(character.codePointAt(0) ?? 0, 2)};`,
    (character) => `&amp;#X${hex(character.codePointAt(0) ?? 0, 4)};`,
    (character) => (character === '/' ? '\\/' : character),
    (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' })[character] ?? character,
    (character) => (character === ' ' ? '+' : character),
  ]

  it('is shown without a secret whose characters are each written in any way', () => {
    fc.assert(
      fc.property(
        // What looks encoded already can be read in two ways.
        fc
          .string({ minLength: 4, maxLength: 20, unit: 'binary' })
          .filter((text) => /^[^%&\\]*$/.test(text) && text.isWellFormed()),
        fc.array(fc.nat(ENCODERS.length - 1), { minLength: 1, maxLength: 20 }),
        (hidden, order) => {
          const written = [...hidden].map((character, at) => ENCODERS[order[at % order.length] ?? 0]?.(character))
          expect(withoutSecrets(`<${written.join('')}>`, [hidden])).toMatch(/^<(?:\*\*\*)+>$/)
        },
      ),
    )
  })

  it('is shown without a secret that was encoded twice, in two ways', () => {
    const encoder = fc.constantFrom(...ENCODERS)
    fc.assert(
      fc.property(secret, encoder, encoder, (hidden, inner, outer) => {
        fc.pre(hidden.isWellFormed())
        const written = [...[...hidden].map(inner).join('')].map(outer).join('')
        expect(withoutSecrets(`<${written}>`, [hidden])).toMatch(/^<[^<]{0,9}\*\*\*/)
      }),
    )
  })

  it.each(['base64url', 'hex'] as const)('is shown without a secret as %s', (encoding) => {
    fc.assert(
      fc.property(secret, (hidden) => {
        fc.pre(hidden.isWellFormed())
        const form = Buffer.from(`x${hidden}y`).toString(encoding)
        expect(withoutSecrets(`<${form}>`, [hidden])).toContain('***')
        if (encoding === 'hex') expect(withoutSecrets(form.toUpperCase(), [hidden])).toContain('***')
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
  // With one slash or none, which URL parsers take for two.
  expect(withoutLogins('"postgres:/u:p@host/d"')).toBe('"postgres:/***@host/d"')
  expect(withoutLogins('"https:u:p@host"')).toBe('"https:***@host"')
})

describe('the secrets of a destination’s URL', () => {
  it.each([
    ['postgres://u:p%40ss@host/d', ['p%40ss', 'p@ss']],
    ['postgres://u:a@b@host/d?sslpassword=key&sslkey=/path', ['a@b', 'a@b', 'key']],
    ['postgres:/u:pass@host/d', ['pass', 'pass']],
    ['postgres:u:pass@host', ['pass', 'pass']],
    ['postgres:///u:pass@host/d', ['pass', 'pass']],
    ['duckdb:md:d?motherduck_token=abc', ['abc']],
    ['parquet:s3://id:hush@bucket', ['hush', 'hush']],
    ['bigquery://p/d?key_file=/k.json&location=EU', []],
    ['npm-package:x?host=h&api_key=hush', ['hush', 'host=h&api_key=hush']],
    // It would hide the name of the user and of the database.
    ['postgres://postgres:postgres@localhost/postgres', []],
    ['duckdb:/home/me@work/w.duckdb', []],
    ['memory:', []],
    ['', []],
  ])('%s has %j', (url, secrets) => {
    expect(secretsOfUrl(url)).toEqual(secrets)
  })
})
