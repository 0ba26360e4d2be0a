import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { quoteName, quotePath, quoteText } from '../../lib/core/sql.ts'

let instance: DuckDBInstance
let connection: DuckDBConnection
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
})
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({
    unit: fc.constantFrom('"', "'", '\\', '`', '$', ';', '-', '/', '*', '\n', '%', '{', 'a', ' ', '😀'),
    maxLength: 20,
  }),
  fc.constantFrom(
    '"; DROP TABLE x; --',
    "'; DROP TABLE x; --",
    "E'\\x41'",
    '$$x$$',
    '\\',
    "''",
    '""',
    'x'.repeat(5000),
    '$1',
    '?',
    ':a',
  ),
)
const text = hostile.filter((value) => !value.includes('\0'))

describe('quoting', () => {
  it('a quoted name is the name of the column in the engine', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          text.filter((name) => name !== ''),
          { minLength: 1, maxLength: 10 },
        ),
        async (names) => {
          for (const name of names) {
            const result = await connection.runAndReadAll(`SELECT 1 AS ${quoteName(name)}`)
            expect([result.columnNames(), result.getRowsJS()]).toEqual([[name], [[1]]])
          }
        },
      ),
    )
  })

  it('a quoted text is the value in the engine', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 10 }), async (texts) => {
        const result = await connection.runAndReadAll(`SELECT ${texts.map(quoteText).join(', ')}`)
        expect(result.getRowsJS()).toEqual([texts])
      }),
    )
  })

  it('a path quotes each of its parts, so that a dot in one divides nothing', async () => {
    expect(quotePath('a', 'b.c', 'd"e')).toBe('"a"."b.c"."d""e"')
    await connection.run(`CREATE SCHEMA ${quoteName('s.t')}`)
    await connection.run(`CREATE TABLE ${quotePath('s.t', 'u"v')} AS SELECT 7 AS x`)
    const result = await connection.runAndReadAll(`SELECT x FROM ${quotePath('memory', 's.t', 'u"v')}`)
    expect(result.getRowsJS()).toEqual([[7]])
  })

  it('a name with NUL is refused', () => {
    expect(() => quoteName('a\0b')).toThrow(TypeError)
    expect(() => quotePath('a', '\0')).toThrow(TypeError)
  })

  it('a text with NUL is refused or returned whole', async () => {
    let quoted: string
    try {
      quoted = quoteText('a\0b')
    } catch (error) {
      return expect(error).toBeInstanceOf(TypeError)
    }
    const result = await connection.runAndReadAll(`SELECT ${quoted}`)
    expect(result.getRowsJS()).toEqual([['a\0b']])
  })
})
