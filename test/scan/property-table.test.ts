import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KIND } from '../../lib/columns/value-kinds.ts'
import { KEYS_PER_LINE_MAX, LINE, LineScanner } from '../../lib/scan/line-scanner.ts'
import { hashOf, PropertyTable } from '../../lib/scan/property-table.ts'
import { NESTING_MAX } from '../../lib/scan/value-scanner.ts'
import { runs } from '../runs.ts'
import { isAccepted, placed, scanned, tokensOf } from './scanning.ts'

const lineOf = (names: readonly string[]) =>
  `{"event":"e","properties":{${names.map((name, at) => `${JSON.stringify(name)}:${at}`).join()}}}`

const manyNames = (count: number) => Array.from({ length: count }, (_, at) => `property ${at} ${'é'.repeat(at % 7)}`)

/** The same names in an order that the seed decides. */
function shuffled(names: readonly string[], seed: number): readonly string[] {
  const rank = (name: string) => hashOf(Buffer.from(`${seed} ${name} ${seed}`))
  return names.toSorted((a, b) => rank(a) - rank(b))
}

describe('the table of properties', () => {
  it('has one number per name, by name and by bytes, whatever the names and however many', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 4 }), { maxLength: 40 }), (names) => {
        const table = new PropertyTable()
        const seen = new Map<string, number>()
        for (const name of names) {
          const index = table.indexOfName(name)
          expect(seen.get(name) ?? index).toBe(index)
          seen.set(name, index)
          expect(table.names[index]).toBe(name)
          const bytes = Buffer.from(name)
          // Bytes come without escapes, so a name that JSON must escape never comes as bytes.
          if (JSON.stringify(name).length === name.length + 2) {
            expect(table.indexOfBytes(bytes, 0, bytes.length, hashOf(bytes))).toBe(index)
          }
        }
        expect(table.size).toBe(new Set([...names, 'time', '$insert_id', 'event', 'properties']).size)
      }),
      { numRuns: runs(60) },
    )
  })

  it('distinguishes names with equal hashes', () => {
    // 31 * 'a' + 'B' = 31 * 'b' + '#', so these collide in any number of repetitions.
    const names = ['aBaB', 'aBb#', 'b#aB', 'b#b#']
    expect(new Set(names.map((name) => hashOf(Buffer.from(name)))).size).toBe(1)
    const table = new PropertyTable()
    const indexes = names.map((name) => table.indexOfBytes(Buffer.from(name), 0, 4, hashOf(Buffer.from(name))))
    expect(new Set(indexes).size).toBe(4)
    expect(names.map((name) => table.indexOfName(name))).toEqual(indexes)
  })

  it('takes only null for a new property, and not even that if UTF-8 cannot encode its name', () => {
    const table = new PropertyTable()
    expect(table.accepts[table.indexOfName('new')]).toBe(KIND.null)
    expect(table.accepts[table.indexOfName('\ud800')]).toBe(0)
  })

  it('keeps what it knows of each property while it grows', () => {
    const table = new PropertyTable()
    const names = manyNames(3000)
    for (const [at, name] of names.entries()) {
      const index = table.indexOfName(name)
      table.accepts[index] = at % 1000
      table.lastLine[index] = at
      table.seenInSlice[index] = at * 2
      table.follower[index] = at % 5
    }
    for (const [at, name] of names.entries()) {
      const index = table.indexOfBytes(Buffer.from(name), 0, Buffer.byteLength(name), hashOf(Buffer.from(name)))
      const known = [table.accepts[index], table.lastLine[index], table.seenInSlice[index], table.follower[index]]
      expect(known).toEqual([at % 1000, at, at * 2, at % 5])
    }
  })
})

describe('many properties', () => {
  it.each([255, 256, 257, 511, 513, 1025, 1500])('%i of them in one line are each found', (count) => {
    const names = manyNames(count)
    const scanner = new LineScanner()
    const { bytes, start, end } = placed(lineOf(names))
    for (let round = 0; round < 2; round++) {
      expect(scanner.scan(bytes, start, end)).toBe(LINE.odd)
      expect(tokensOf(scanner, bytes).map(({ name, text }) => [name, text])).toEqual(
        names.map((name, at) => [name, `${at}`]),
      )
      expect(scanner.hasDuplicate).toBe(false)
    }
  })

  it('are found in any order, over many lines', () => {
    const names = manyNames(1500)
    const scanner = new LineScanner()
    for (let seed = 0; seed < 8; seed++) {
      const order = shuffled(names, seed)
      const { bytes, start, end } = placed(lineOf(order))
      scanner.scan(bytes, start, end)
      expect(tokensOf(scanner, bytes).map(({ name }) => name)).toEqual(order)
    }
    expect(scanner.properties.names.toSorted()).toEqual(
      [...names, 'time', '$insert_id', 'event', 'properties'].toSorted(),
    )
  })

  it('are found when every line brings a few new ones', () => {
    const scanner = new LineScanner()
    for (const [at, name] of manyNames(2000).entries()) {
      const names = ['time', `before ${at % 3}`, name, 'after']
      const { bytes, start, end } = placed(lineOf(names))
      scanner.scan(bytes, start, end)
      expect(tokensOf(scanner, bytes).map((token) => token.name)).toEqual(names)
    }
  })

  it(`are read up to ${KEYS_PER_LINE_MAX} in a line, and no further`, () => {
    const line = (count: number) => `{"event":"e","properties":{${Array(count).fill('"x":1').join()}}}`
    const scanner = new LineScanner()
    expect(scanned(scanner, line(KEYS_PER_LINE_MAX))).toBe(LINE.odd)
    expect(scanner.count).toBe(KEYS_PER_LINE_MAX)
    expect(scanned(scanner, line(KEYS_PER_LINE_MAX + 1))).toBe(LINE.unreadable)
    expect(scanned(scanner, '{"event":"e","properties":{"x":1}}')).toBe(LINE.odd)
    expect(scanner.hasDuplicate).toBe(false)
  })
})

describe('depth', () => {
  const nested = (depth: number, open: string, close: string) =>
    `{"event":"e","properties":{"x":${open.repeat(depth)}1${close.repeat(depth)}}}`

  it.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
    ['both alternately', '[{"a":', '}]'],
  ])(`of ${NESTING_MAX} levels is read and of one more is not, in %s`, (_, open, close) => {
    const each = open.length > 5 ? 2 : 1
    const scanner = new LineScanner()
    expect(scanned(scanner, nested(NESTING_MAX / each, open, close))).toBe(LINE.odd)
    expect(scanner.kind[0]).toBe(KIND.json)
    const deeper = nested(NESTING_MAX / each, open, close).replace('1', '[1]')
    expect(scanned(scanner, deeper)).toBe(LINE.unreadable)
    expect(isAccepted(scanned(scanner, nested(2, open, close)))).toBe(true)
  })
})
