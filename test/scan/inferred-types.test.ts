import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { ColumnType } from '../../lib/columns/column.ts'
import { ColumnRegistry, type ColumnRules } from '../../lib/columns/registry.ts'
import { LINE, LineScanner } from '../../lib/scan/line-scanner.ts'
import { LineWriter } from '../../lib/scan/line-writer.ts'
import { PLAIN_RULES } from '../columns/plain-rules.ts'
import { runs } from '../runs.ts'
import { placed } from './scanning.ts'

/** A run that infers types, and reads lines with the property `p`. */
class Reader {
  readonly registry: ColumnRegistry
  readonly writer: LineWriter
  readonly #scanner = new LineScanner()

  constructor(rules: Partial<ColumnRules> = {}) {
    this.registry = new ColumnRegistry(EXPORT_COLUMNS, { ...PLAIN_RULES, infersTypes: true, ...rules })
    this.writer = new LineWriter(this.#scanner, this.registry)
    this.writer.begin()
  }

  /** Reads values, given as JSON. Returns the lines that were rewritten. */
  read(...values: readonly string[]): readonly string[] {
    return values.flatMap((value) => {
      const { bytes, start, end } = placed(`{"event":"e","properties":{"$insert_id":"1","p":${value}}}`)
      if (this.#scanner.scan(bytes, start, end) === LINE.plain) return []
      return this.writer.rewrite(bytes, start, end, true)?.toString() ?? []
    })
  }

  /** Ends the slice, whose rows are then loaded. Returns the type of the column. */
  end(): ColumnType | undefined {
    this.writer.fields()
    this.writer.begin()
    return this.type
  }

  get type(): ColumnType | undefined {
    return this.registry.columns.find(({ property, role }) => property === 'p' && role === 'property')?.type
  }

  /** The forms in which the present slice has the property. */
  get forms(): readonly string[] {
    return this.writer
      .fields()
      .flatMap(({ column, form }) => (column.property === 'p' ? [`${column.name}: ${form}`] : []))
  }
}

const WHOLE = [
  '0',
  '-0',
  '7',
  '-12',
  '9007199254740992',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
]
const DATES = ['"2026-08-03"', '"2024-02-29"', '"0001-01-01"', '"9999-12-31"']
const MOMENTS = ['"2026-08-03T10:00:00Z"', '"2026-08-03 10:00:00.123456+05:30"', '"2026-08-03T23:59:59-0330"']
const OTHERS = [
  ...['1.0', '1e3', '9223372036854775808', '""', '"7"', '"007"', 'true', '[1]', '"\\ud800"', '"2026-02-30"'],
  ...['"2026-8-3"', '"0000-01-01"', '"2026-08-03T10:00:00"', '"2026-08-03T10:00Z"', '"2026-08-03T24:00:00Z"'],
  ...['"2026-08-03T23:59:60Z"', '"2026-08-03T10:00:00.1234567Z"', '"9999-12-31T23:30:00-01:00"', '" 2026-08-03"'],
  ...['"0001-01-01T00:30:00+01:00"', '"2026\\u002d08-03"', '"20260803"', '"+2026-08-03"', '"2026-08-03Z"'],
]
const FORMS = [
  ['bigint', WHOLE],
  ['date', DATES],
  ['timestamptz', MOMENTS],
] as const

let reader: Reader
beforeEach(() => {
  reader = new Reader()
})

describe('the type of a new column', () => {
  it.each(FORMS)(
    'is %s if all values of its first slice are, and no line is rewritten but for long integers',
    (type, all) => {
      fc.assert(
        fc.property(fc.array(fc.constantFrom(...all, 'null'), { minLength: 1 }), (values) => {
          const reader = new Reader()
          const rewritten = reader.read(...values)
          expect(reader.end()).toBe(values.every((value) => value === 'null') ? undefined : type)
          expect(rewritten.every((line) => /"~\d+!":"-?9\d{15,}"/.test(line))).toBe(true)
        }),
      )
    },
  )

  it('is that without inference if the values of its first slice differ in form, and all values are kept', () => {
    const values = fc.array(fc.constantFrom(...WHOLE, ...DATES, ...MOMENTS, ...OTHERS, 'null'), { minLength: 1 })
    fc.assert(
      fc.property(values, (values) => {
        const [reader, plain] = [new Reader(), new Reader({ infersTypes: false })]
        reader.read(...values)
        plain.read(...values)
        const given = values.filter((value) => value !== 'null')
        const [form] = FORMS.filter(([, all]) => given.every((value) => (all as readonly string[]).includes(value)))
        if (form !== undefined && given.length > 0) expect(reader.type).toBe(form[0])
        else {
          expect(reader.type).toBe(plain.type)
          expect(reader.writer.misfits()).toEqual(plain.writer.misfits())
          expect(reader.forms).toEqual(plain.forms)
        }
      }),
      { numRuns: runs(500) },
    )
  })

  it.each(OTHERS)('is that without inference if the first value is %s', (value) => {
    const plain = new Reader({ infersTypes: false })
    plain.read(value)
    reader.read(value, '1', '"2026-08-03"')
    expect(reader.end()).toBe(plain.type)
  })

  it('stays open until the next slice, also if the slice comes in several parts', () => {
    reader.read('"2026-08-03"')
    expect(reader.forms).toEqual(['p: value'])
    reader.read('"soon"')
    expect(reader.end()).toBe('text')
  })

  it('stays open if the slice was not read to its end and is read again', () => {
    reader.read('1')
    reader.writer.begin()
    reader.read('1.5')
    expect(reader.end()).toBe('double')
  })

  it('then never changes', () => {
    reader.read('1')
    expect(reader.end()).toBe('bigint')
    reader.read('9007199254740993', '1.5', '"x"', '"2026-08-03"', '-3')
    expect(reader.forms).toEqual(['p: value', 'p__text: text'])
    expect(reader.writer.misfits()).toMatchObject({ p: { count: 3, example: '1.5', type: 'bigint', in: 'p__text' } })
    expect(reader.end()).toBe('bigint')
  })

  it('is the given one if the user or the catalogue has one', () => {
    const given = new Reader({ typeOf: (property) => (property === 'p' ? 'double' : undefined) })
    given.read('1')
    expect(given.end()).toBe('double')
  })
})

describe('an integer beyond 2^53 after smaller ones', () => {
  it('is in the column if the column stays bigint, and else in the companion', () => {
    reader.read('1', '9007199254740993')
    expect(reader.forms).toEqual(['p: value', 'p: exact'])
    expect(reader.writer.misfits()).toEqual({})
    reader.read('1.5')
    expect(reader.forms).toEqual(['p: value', 'p__text: text'])
    expect(reader.writer.misfits()).toMatchObject({ p: { count: 1, example: '9007199254740993', type: 'double' } })
  })

  it('goes to the overflow if there is no room for a companion, as without inference', () => {
    const full = new Reader({ columnsMax: EXPORT_COLUMNS.length + 2 })
    expect(full.read('1', '9007199254740993').join()).toContain('"__more":"{\\"p\\":9007199254740993}"')
    expect(full.end()).toBe('double')
  })
})

describe('a column of dates or timestamps', () => {
  it('of an earlier run takes only its own form, unless the user chose its type', () => {
    reader.read('"2026-08-03"')
    reader.end()
    const rules = { ...PLAIN_RULES, typeOf: (): ColumnType => 'date' }
    for (const [given, fits] of [
      [PLAIN_RULES, false],
      [rules, true],
    ] as const) {
      const scanner = new LineScanner()
      const writer = new LineWriter(scanner, new ColumnRegistry(structuredClone(reader.registry.columns), given))
      writer.begin()
      const { bytes, start, end } = placed('{"event":"e","properties":{"$insert_id":"1","p":"2026-08-03T10:00:00Z"}}')
      scanner.scan(bytes, start, end)
      writer.rewrite(bytes, start, end, true)
      expect(writer.misfits()).toEqual(fits ? {} : { p: expect.objectContaining({ count: 1, type: 'date' }) })
    }
  })
})
