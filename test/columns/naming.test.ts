import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnName, companionName, foldName, freeName, NAME_BYTES_MAX } from '../../lib/columns/naming.ts'
import { runs } from '../runs.ts'

const property = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({
    unit: fc.constantFrom('a', 'Z', '9', '_', ' ', '$', '-', 'é', 'ß', 'İ', 'Σ', 'ǅ', '日', '😀', '\ud800'),
    maxLength: 80,
  }),
  fc.constantFrom('_TABLE_', '_file_name', '_Partition time', '__ROOT__', '_change type', '-change-timestamp'),
  fc.constantFrom('', '_', '$', '__proto__', '1', '٣', 'ﬁ', 'K', 'Å'),
)

/** https://cloud.google.com/bigquery/docs/schemas#column_names */
const BIGQUERY_RESERVES =
  /^(?:_table_|_file_|_partition|_row_timestamp|__root__|_colidentifier|_change_sequence_number|_change_type|_change_timestamp)/i

const bytesOf = (name: string) => Buffer.byteLength(name)

describe('the column name of a property', () => {
  it('is a name that every warehouse takes, whatever the property is called', () => {
    fc.assert(
      fc.property(property, (name) => {
        const column = columnName(name)
        expect(bytesOf(column)).toBeGreaterThan(0)
        expect(bytesOf(column)).toBeLessThanOrEqual(NAME_BYTES_MAX)
        expect(column).toMatch(/^[\p{L}\p{Nd}_]+$/u)
        expect(column).not.toMatch(/^\p{Nd}/u)
        expect(column).not.toMatch(BIGQUERY_RESERVES)
        expect(column.toLowerCase()).toBe(column)
      }),
      { numRuns: runs(500) },
    )
  })

  it('is the same each time, and the column name of a column name is itself', () => {
    fc.assert(
      fc.property(property, (name) => {
        const column = columnName(name)
        expect(columnName(name)).toBe(column)
        expect(columnName(column)).toBe(column)
      }),
      { numRuns: runs(500) },
    )
  })

  it('begins and ends with a letter or a digit, unless the property or a rule of a warehouse forbids it', () => {
    fc.assert(
      fc.property(property, (name) => {
        const column = columnName(name)
        fc.pre(column !== '_')
        expect(column).not.toMatch(/_$/)
        if (!name.startsWith('_')) expect(column).toMatch(/^(?:\p{L}|_\p{Nd})/u)
      }),
      { numRuns: runs(500) },
    )
  })

  it('does not depend on the case that a property is written in, for letters of ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 80 }), (name) => {
        expect(columnName(name.toUpperCase())).toBe(columnName(name))
      }),
    )
  })

  it.each([
    ['plan', 'plan'],
    ['Plan Name', 'plan_name'],
    ['  a--b  ', 'a_b'],
    ['Order Total (€)', 'order_total'],
    ['(price)', 'price'],
    ['_id_', '_id'],
    ['$mp_api_timestamp_ms', 'mp_api_timestamp_ms'],
    ['$MP_x', 'mp_x'],
    ['$mpx', 'mp_mpx'],
    ['mp_mp_x', 'mp_mp_x'],
    ['-_table_x', 'table_x'],
    [' 1', '_1'],
    ['$os', 'mp_os'],
    ['$', 'mp'],
    ['a$b', 'a_b'],
    ['mp_lib', 'mp_lib'],
    ['1st', '_1st'],
    ['_TABLE_x', '__table_x'],
    ['_partitiontime', '__partitiontime'],
    ['_parts', '_parts'],
    ['', '_'],
    ['😀', '_'],
    ['Größe', 'größe'],
    ['日本', '日本'],
    ['a.b[0].c', 'a_b_0_c'],
    ['__proto__', '_proto'],
  ])('of %j is %s', (name, column) => {
    expect(columnName(name)).toBe(column)
  })

  it('of a long property begins with it and differs from that of another one with the same beginning', () => {
    const letters = (least: number, most: number) =>
      fc.string({ unit: fc.constantFrom('a', 'é', '日'), minLength: least, maxLength: most })
    fc.assert(
      fc.property(letters(64, 64), letters(1, 20), letters(1, 20), (head, left, right) => {
        fc.pre(left !== right)
        const [first, second] = [columnName(head + left), columnName(head + right)]
        expect(first).not.toBe(second)
        expect(columnName(head)).not.toBe(first)
        expect(head.startsWith(first.slice(0, 15))).toBe(true)
      }),
    )
  })

  it('is not shortened if it just fits', () => {
    expect(columnName('a'.repeat(63))).toBe('a'.repeat(63))
    expect(columnName(`${'é'.repeat(31)}a`)).toBe(`${'é'.repeat(31)}a`)
    expect(columnName('a'.repeat(64))).toMatch(/^a{54}_[0-9a-f]{8}$/)
    expect(bytesOf(columnName('é'.repeat(32)))).toBeLessThanOrEqual(63)
  })
})

describe('the name of a companion', () => {
  it('is a name that every warehouse takes, and not that of its column', () => {
    fc.assert(
      fc.property(property, (name) => {
        const column = columnName(name)
        const companion = companionName(column)
        expect(companion).not.toBe(column)
        expect(bytesOf(companion)).toBeLessThanOrEqual(NAME_BYTES_MAX)
        if (bytesOf(column) <= NAME_BYTES_MAX - 6) expect(companion).toBe(`${column}__text`)
      }),
    )
  })

  it('is not the column name of any property, unless it had to be shortened', () => {
    fc.assert(
      fc.property(
        property,
        fc.string({ unit: fc.constantFrom('a', 'b', '_'), minLength: 1, maxLength: 50 }),
        (name, column) => {
          expect(columnName(name)).not.toBe(companionName(column))
        },
      ),
    )
  })
})

describe('a free name', () => {
  it('is not in use, not even in another case, and is within the limit', () => {
    fc.assert(
      fc.property(fc.array(property, { maxLength: 30 }), fc.nat(3), (names, repeats) => {
        const taken = new Set<string>()
        for (const name of Array.from({ length: repeats + 1 }, () => names).flat()) {
          const free = freeName(columnName(name), taken)
          expect(taken.has(foldName(free))).toBe(false)
          expect(bytesOf(free)).toBeLessThanOrEqual(NAME_BYTES_MAX)
          taken.add(foldName(free))
        }
      }),
      { numRuns: runs(300) },
    )
  })

  it('is the name itself, or else has a number from 2', () => {
    const taken = new Set<string>()
    const names = Array.from({ length: 4 }, () => {
      const free = freeName('plan', taken)
      taken.add(foldName(free))
      return free
    })
    expect(names).toEqual(['plan', 'plan_2', 'plan_3', 'plan_4'])
  })

  it('skips a number that is in use', () => {
    expect(freeName('plan', new Set(['plan', 'plan_2']))).toBe('plan_3')
    expect(freeName('plan', new Set(['plan_2']))).toBe('plan')
  })

  it('of a name of the greatest length still fits, however often it is in use', () => {
    const name = columnName('x'.repeat(100))
    const taken = new Set<string>()
    for (let count = 0; count < 120; count++) {
      const free = freeName(name, taken)
      expect(bytesOf(free)).toBeLessThanOrEqual(NAME_BYTES_MAX)
      taken.add(foldName(free))
    }
    expect(taken.size).toBe(120)
  })
})

describe('folding', () => {
  it('makes names equal that differ only in case, and folding again changes nothing', () => {
    fc.assert(
      fc.property(property, (name) => {
        expect(foldName(name.toUpperCase())).toBe(foldName(name))
        const column = columnName(name)
        expect(foldName(column.toUpperCase())).toBe(foldName(column))
        expect(foldName(foldName(column))).toBe(foldName(column))
      }),
      { numRuns: runs(500) },
    )
  })
})
