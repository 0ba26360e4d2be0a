import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { foldName } from '../../lib/columns/naming.ts'
import { ColumnRegistry, type ColumnRules } from '../../lib/columns/registry.ts'
import { LINE, LineScanner } from '../../lib/scan/line-scanner.ts'
import { LineWriter } from '../../lib/scan/line-writer.ts'
import { storableName } from '../../lib/scan/value-forms.ts'
import { PLAIN_RULES } from '../columns/plain-rules.ts'
import { runs } from '../runs.ts'
import { spelledLine } from './json-arbitraries.ts'
import { isAccepted, placed, scanned, tokensOf } from './scanning.ts'

/** A scanner and a writer as a run has them. */
class Desk {
  readonly scanner = new LineScanner()
  readonly registry: ColumnRegistry
  readonly writer: LineWriter

  constructor(rules: Partial<ColumnRules> = {}, valuesMax = Number.POSITIVE_INFINITY) {
    this.registry = new ColumnRegistry(EXPORT_COLUMNS, { ...PLAIN_RULES, ...rules })
    this.writer = new LineWriter(this.scanner, this.registry, valuesMax)
    this.writer.begin()
  }

  /** The line as it goes to the spool. */
  spooled(line: string, timeFits = true): string {
    const { bytes, start, end } = placed(line)
    const verdict = this.scanner.scan(bytes, start, end)
    if (!isAccepted(verdict)) throw new Error(`no event: ${line}`)
    if (verdict === LINE.plain && timeFits) return line
    const written = this.writer.rewrite(bytes, start, end, timeFits)
    if (written === undefined) return line
    expect(isUtf8(written)).toBe(true)
    return written.toString()
  }
}

interface Spooled {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
  readonly __more?: string
  readonly __line?: string
}

const parsed = (line: string): Spooled => JSON.parse(line)
const lines = fc.array(spelledLine, { minLength: 1, maxLength: 6 })
const columnsMax = fc.constantFrom(1000, EXPORT_COLUMNS.length + 1, EXPORT_COLUMNS.length + 4)

describe('a line in the spool', () => {
  it('is an event that the scanner takes, in which nothing repeats and no half of a surrogate pair is left', () => {
    fc.assert(
      fc.property(lines, columnsMax, (sent, most) => {
        const desk = new Desk({ columnsMax: most })
        for (const { text } of sent) {
          const line = desk.spooled(text)
          const { bytes, start, end } = placed(line)
          const scanner = new LineScanner()
          expect(isAccepted(scanner.scan(bytes, start, end)), line).toBe(true)
          const names = tokensOf(scanner, bytes).flatMap((token) => (token.isExtra ? [] : [token.name]))
          expect(new Set(names).size, line).toBe(names.length)
          JSON.parse(line, (key, value) => {
            expect(key.isWellFormed(), line).toBe(true)
            if (typeof value === 'string') expect(value.isWellFormed(), line).toBe(true)
          })
        }
      }),
      { numRuns: runs(250) },
    )
  })

  it('has at most as many values as a row may have, in addition to those of fixed columns, and keeps the others in __more', () => {
    fc.assert(
      fc.property(lines, fc.nat(12), (sent, valuesMax) => {
        const desk = new Desk({}, valuesMax)
        for (const { text } of sent) {
          const { properties } = parsed(desk.spooled(text))
          const written = Object.values(properties).filter((value) => value !== null).length
          expect(written).toBeLessThanOrEqual(valuesMax + 2 * EXPORT_COLUMNS.length)
        }
      }),
    )
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`p${at}`, at]))
    const line = JSON.stringify({ event: 'e', properties: { time: 1, $insert_id: 'i', ...many } })
    const desk = new Desk({}, 6)
    for (const _ of [1, 2]) {
      const { properties, __more } = parsed(desk.spooled(line))
      expect(properties).toEqual({ time: 1, $insert_id: 'i', p0: 0, p1: 1, p2: 2, p3: 3 })
      expect(JSON.parse(__more ?? '')).toEqual({ p4: 4, p5: 5, p6: 6, p7: 7, p8: 8, p9: 9 })
    }
  })

  it('has no two keys with values that differ only in case', () => {
    fc.assert(
      fc.property(lines, columnsMax, (sent, most) => {
        const desk = new Desk({ columnsMax: most })
        for (const { text } of sent) {
          const { properties } = parsed(desk.spooled(text))
          const keys = Object.keys(properties).filter((key) => properties[key] !== null)
          expect(new Set(keys.map(foldName)).size, keys.join()).toBe(keys.length)
        }
      }),
      { numRuns: runs(250) },
    )
  })

  it('has only values whose keys are among the fields, and each field has one key', () => {
    fc.assert(
      fc.property(lines, columnsMax, (sent, most) => {
        const desk = new Desk({ columnsMax: most })
        const met = sent.flatMap(({ text }) =>
          Object.entries(parsed(desk.spooled(text)).properties).flatMap(([key, value]) =>
            value === null ? [] : [key],
          ),
        )
        const keys = desk.writer.fields().map(({ key }) => key)
        expect(new Set(keys.map(foldName)).size).toBe(keys.length)
        expect(met.filter((key) => !keys.includes(key))).toEqual([])
        expect(desk.registry.columns.length).toBeLessThanOrEqual(most)
      }),
      { numRuns: runs(150) },
    )
  })

  it('is passed on unchanged when it comes again, unless it cannot be', () => {
    const desk = new Desk()
    const line = '{"event":"e","properties":{"$insert_id":"1","plan":"x","n":1,"list":[1,2],"none":null}}'
    expect(desk.spooled(line)).toBe(line)
    expect(scanned(desk.scanner, line)).toBe(LINE.plain)
  })

  it('has the hash of the line if there is no insert id', () => {
    const desk = new Desk()
    const hashes = ['{"event":"e","properties":{"a":1}}', '{"event":"e","properties":{"a":2}}'].map(
      (line) => parsed(desk.spooled(line)).__line,
    )
    expect(new Set(hashes).size).toBe(2)
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{32}$/)
    expect(parsed(desk.spooled('{"event":"e","properties":{"$insert_id":"1","a":3,"a":4}}')).__line).toBeUndefined()
    expect(parsed(desk.spooled('{"event":"e","properties":{"$insert_id":""}}')).__line).toBeDefined()
  })
})

describe('values that the columns do not take', () => {
  it('go to the overflow, named and to the digit, when the table is full', () => {
    const desk = new Desk({ columnsMax: EXPORT_COLUMNS.length + 1 })
    const line = desk.spooled('{"event":"e","properties":{"$insert_id":"1","a":1.10,"b":"\\ud800","a\\u0000":[null]}}')
    expect(desk.writer.hasOverflow).toBe(true)
    expect(parsed(line).__more).toBe('{"a":1.10,"b":"\\"\\\\ud800\\"","a\\\\u0000":[null]}')
    expect(desk.writer.fields().map(({ column }) => column.name)).toEqual(['mp_insert_id'])
  })

  it('go to the overflow if a later one of the same name supersedes them', () => {
    const desk = new Desk()
    const { properties, __more } = parsed(desk.spooled('{"event":"e","properties":{"a":1,"a":2,"$insert_id":"1"}}'))
    expect(properties.a).toBe(2)
    expect(JSON.parse(__more ?? '')).toEqual({ 'a (superseded)': 1 })
  })

  it('beside the properties are used only if the properties have none of that name', () => {
    const desk = new Desk()
    const { properties, __more } = parsed(
      desk.spooled('{"a":1,"b":2,"event":"e","properties":{"a":3,"$insert_id":"1"}}'),
    )
    expect([properties.a, properties.b]).toEqual([3, 2])
    expect(JSON.parse(__more ?? '')).toEqual({ 'a (superseded)': 1 })
  })

  it('go to a companion as text, each of its own kind, once the column has another type', () => {
    const desk = new Desk()
    const sent = ['1', '"x"', 'true', '[1]', '9007199254740993', '"\\ud800"']
    const spooled = sent.map((value) =>
      parsed(desk.spooled(`{"event":"e","properties":{"$insert_id":"1","p":${value}}}`)),
    )
    expect(spooled.map(({ properties }) => Object.values(properties).slice(1))).toEqual([
      [1],
      ['x'],
      ['true'],
      ['[1]'],
      ['9007199254740993'],
      ['"\\ud800"'],
    ])
    const text = desk.writer.fields().find(({ form }) => form === 'text')
    expect(text?.column).toMatchObject({ name: 'p__text', type: 'text', role: 'companion', owner: 'p' })
  })

  it('are counted and dropped when the property is excluded', () => {
    const desk = new Desk({ isWanted: (name) => name !== 'secret' })
    const line = desk.spooled('{"event":"e","properties":{"$insert_id":"1","secret":1,"a":2}}')
    expect(line).not.toContain('secret')
    desk.spooled('{"event":"e","properties":{"$insert_id":"1","secret":null,"a":2}}')
    desk.spooled('{"event":"e","properties":{"$insert_id":"1","secret":"x","a":2}}')
    expect(desk.writer.ignoredValues).toBe(2)
    desk.writer.begin()
    expect(desk.writer.ignoredValues).toBe(0)
  })

  it('are counted and dropped when new properties are to be ignored', () => {
    const desk = new Desk({ newProperties: 'ignore' })
    const { properties, __more } = parsed(desk.spooled('{"event":"e","properties":{"$insert_id":"1","a":1,"b":"x"}}'))
    expect([properties, __more]).toEqual([{ $insert_id: '1' }, undefined])
    expect(desk.writer.ignoredValues).toBe(2)
  })

  it('of a time that is not a date are kept as text, wherever the time is in the line', () => {
    for (const line of [
      '{"event":"e","properties":{"$insert_id":"1","time":1e300}}',
      '{"event":"e","time":1e300,"properties":{"$insert_id":"1"}}',
    ]) {
      const desk = new Desk()
      const { properties } = parsed(desk.spooled(line, false))
      expect(Object.values(properties), line).toContain('1e300')
    }
  })

  it('of an event name that UTF-8 cannot encode are kept next to a repaired one', () => {
    const desk = new Desk()
    const { event, properties } = parsed(desk.spooled('{"event":"\\ud800x\\\\ud800","properties":{"$insert_id":"1"}}'))
    expect(event).toBe('\ufffdx\\ud800')
    expect(Object.values(properties)).toContain('"\\ud800x\\\\ud800"')
  })
})

describe('slices', () => {
  it('have the fields that their own lines need, and no others', () => {
    const desk = new Desk()
    desk.spooled('{"event":"e","properties":{"$insert_id":"1","a":1}}')
    desk.spooled('{"event":"e","properties":{"$insert_id":"1","a":"x"}}')
    const before = desk.writer.fields().map(({ column }) => column.name)
    expect(before.toSorted()).toEqual(['a', 'a__text', 'mp_insert_id'])
    desk.writer.begin()
    expect(desk.writer.fields()).toEqual([])
    expect(desk.writer.hasOverflow).toBe(false)
    desk.spooled('{"event":"e","properties":{"$insert_id":"1","b":1}}')
    expect(
      desk.writer
        .fields()
        .map(({ column }) => column.name)
        .toSorted(),
    ).toEqual(['b', 'mp_insert_id'])
  })

  it('do not change where a property goes', () => {
    fc.assert(
      fc.property(lines, (sent) => {
        const desk = new Desk()
        for (const { text } of sent) desk.spooled(text)
        const columns = [...desk.registry.columns]
        const fields = desk.writer.fields()
        desk.writer.begin()
        for (const { text } of sent) desk.spooled(text)
        expect(desk.registry.columns).toEqual(columns)
        const keyed = (all: typeof fields) =>
          all.map(({ key, form, column }) => `${form} ${column.name} ${key}`).toSorted()
        expect(keyed(desk.writer.fields())).toEqual(
          expect.arrayContaining(keyed(fields).filter((field) => !field.startsWith('value'))),
        )
      }),
      { numRuns: runs(150) },
    )
  })
})

describe('a name as a warehouse can hold it', () => {
  it('is well-formed, without NUL, and the name itself if possible', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '\0', '\ud800', '\udc00', '😀', '\\', '"') }), (name) => {
        const stored = storableName(name)
        expect(stored.isWellFormed() && !stored.includes('\0')).toBe(true)
        if (name.isWellFormed() && !name.includes('\0')) expect(stored).toBe(name)
        else expect(JSON.parse(`"${stored}"`)).toBe(name)
      }),
    )
  })
})

describe('a scanner that is used again', () => {
  it('finds in a line what a fresh one finds', () => {
    fc.assert(
      fc.property(lines, (sent) => {
        const used = new LineScanner()
        for (const { text } of sent) {
          const { bytes, start, end } = placed(text)
          const fresh = new LineScanner()
          expect(isAccepted(used.scan(bytes, start, end))).toBe(isAccepted(fresh.scan(bytes, start, end)))
          expect(tokensOf(used, bytes)).toEqual(tokensOf(fresh, bytes))
        }
      }),
      { numRuns: runs(150) },
    )
  })
})
