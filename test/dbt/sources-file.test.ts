import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Source } from '../../lib/dbt/sources.ts'
import { mergedFile } from '../../lib/dbt/sources-file.ts'
import { runs } from '../runs.ts'
import { readByPython } from './python-yaml.ts'

interface Table {
  readonly name: string
  readonly columns: readonly string[]
}

const source = (tables: readonly Table[]) => ({
  entry: { name: 'mixpanel', schema: 'mixpanel' },
  tables: tables.map(({ name, columns }) => ({
    entry: { name, description: `All of ${name}` },
    columns: columns.map((column) => ({ name: column, description: `Property ${column}`, data_type: 'text' })),
    plainDescriptions: new Map<string, string>(),
  })),
})

const merged = (text: string | undefined, tables: readonly Table[]) => mergedFile(text, source(tables), 'sources.yml')

/**
 * A table whose columns have these texts as their names, properties and, as `describe` puts it,
 * descriptions.
 */
function withDescribed(
  names: readonly string[],
  describe = (name: string) => `Property ${name}`,
  plainDescriptions: ReadonlyMap<string, string> = new Map(),
): Source {
  const columns = [...new Set(['first', ...names])].map((name) => ({
    name,
    description: describe(name),
    config: { meta: { property: name } },
  }))
  return {
    ...source([]),
    tables: [{ entry: { name: 'export', description: 'All of export' }, columns, plainDescriptions }],
  }
}

const names = fc.uniqueArray(fc.stringMatching(/^[a-zß_][a-z0-9_]{0,8}$/), { maxLength: 6 })
const tables = fc.uniqueArray(fc.record({ name: fc.stringMatching(/^[a-z]{1,4}$/), columns: names }), {
  selector: ({ name }) => name,
  minLength: 1,
  maxLength: 4,
})

/** Names of tables with those of their columns. */
function contents(text: string) {
  const [found] = parse(text).sources
  return (found.tables as { name: string; columns?: { name: string }[] | null }[]).map(({ name, columns }) => ({
    name,
    columns: (columns ?? []).map((column) => column.name),
  }))
}

describe('a file of sources', () => {
  it('has all tables and columns, and is the same when nothing is new', () => {
    fc.assert(
      fc.property(tables, (given) => {
        const { text, added } = merged(undefined, given)
        expect(contents(text)).toEqual(given)
        expect(added).toEqual(given.map(({ name }) => name))
        expect(merged(text, given)).toEqual({ text, added: [], described: [] })
      }),
    )
  })

  it('gets new columns, and none that the user removed', () => {
    fc.assert(
      fc.property(tables, names, fc.array(fc.nat()), (given, more, dropped) => {
        const lines = merged(undefined, given).text.split('\n')
        // A column is three lines, beginning with its name.
        const isColumn = (line: string | undefined) => line !== undefined && /^ {10}- name/.test(line)
        const gone = new Set(dropped.map((at) => at % lines.length).filter((at) => isColumn(lines[at])))
        const edited = lines.filter((_, at) => !gone.has(at) && !gone.has(at - 1) && !gone.has(at - 2)).join('\n')
        const before = contents(edited)
        const grown = given.map(({ name, columns }) => ({
          name,
          columns: [...columns, ...more.filter((column) => !columns.includes(column))],
        }))
        const expected = before.map(({ name, columns }, at) => ({
          name,
          columns: [...columns, ...(grown[at]?.columns.slice(given[at]?.columns.length) ?? [])],
        }))
        expect(contents(merged(edited, grown).text)).toEqual(expected)
      }),
    )
  })

  const written = merged(undefined, [
    { name: 'export', columns: ['event', 'plan'] },
    { name: 'engage', columns: ['distinct_id'] },
  ]).text
  const edited = written
    .replace('sources:', '# Ours.\nsources:')
    .replace('Property plan', 'What they pay for # not a comment\n            tests: [not_null] # they all pay')
    .replace('All of export', '"All {{ of }} it"')
    .replace('- name: engage', '- name: ours\n        identifier: other\n      - name: engage')

  it('keeps comments, changes, and tables that the user added', () => {
    const { text, added } = merged(edited, [
      { name: 'export', columns: ['event', 'plan', 'price'] },
      { name: 'engage', columns: ['distinct_id'] },
      { name: 'cohorts', columns: ['id'] },
    ])
    expect(added).toEqual(['export.price', 'cohorts'])
    const kept = edited.split('\n').filter((line) => !line.includes('export: plan'))
    const lines = text.split('\n')
    expect(kept.filter((line) => !lines.includes(line))).toEqual([])
    expect(contents(text).map(({ name }) => name)).toEqual(['export', 'ours', 'engage', 'cohorts'])
  })

  it('has the descriptions of the Lexicon, unless the user wrote others', () => {
    const [table] = source([{ name: 'export', columns: ['event', 'plan'] }]).tables
    if (table === undefined) throw new Error('There is a table.')
    const plainDescriptions = new Map([['plan', 'Property plan']])
    const columns = table.columns.map((column) =>
      column.name === 'plan' ? { ...column, description: 'What they pay' } : column,
    )
    const wanted = { ...source([]), tables: [{ ...table, columns, plainDescriptions }] }
    const { text, described } = mergedFile(written, wanted, 'sources.yml')
    expect(described).toEqual(['export.plan'])
    expect(text).toBe(written.replace('Property plan', 'What they pay'))
    expect(mergedFile(text, wanted, 'sources.yml')).toEqual({ text, added: [], described: [] })
    const own = written.replace('Property plan', 'Ours')
    expect(mergedFile(own, wanted, 'sources.yml')).toEqual({ text: own, added: [], described: [] })
  })

  it('does not get a table back that the user removed', () => {
    const without = edited.replace(/ {6}- name: engage[\s\S]*?(?= {4}config)/, '')
    expect(contents(without).map(({ name }) => name)).toEqual(['export', 'ours'])
    expect(merged(without, [{ name: 'engage', columns: ['distinct_id', 'plan'] }])).toEqual({
      text: without,
      added: [],
      described: [],
    })
  })

  it('escapes characters that Python’s YAML reads as line ends or not at all, and loses none', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', ' ', ':', '"', '\n', '\x85', '\x7f', '\u2028', '\ufeff', '😀') }),
        (name) => {
          const described = withDescribed([name])
          const { text } = mergedFile(undefined, described, 'sources.yml')
          expect(text).not.toMatch(/[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/)
          expect(parse(text).sources[0].tables[0].columns).toEqual(described.tables[0]?.columns)
          // Written once more, with something new.
          const more = [...described.tables, ...source([{ name: 'more', columns: [] }]).tables]
          const again = mergedFile(text, { ...described, tables: more }, 'sources.yml').text
          expect(parse(again).sources[0].tables[0].columns).toEqual(described.tables[0]?.columns)
          expect(again).not.toMatch(/[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/)
        },
      ),
      { examples: [[' \n'], ['\n \n'], ['  \n\n']] },
    )
  })

  it('keeps a word of the user without quotes, and a character that Python does not read', () => {
    const own = written
      .replace('description: Property plan', "description: 'It''s\u2028so'")
      .replace('description: All of export', 'description: yes')
    const { text } = merged(own, [{ name: 'more', columns: [] }])
    expect(text).toContain('description: yes\n')
    expect(text).toContain('description: "It\'s\\u2028so"\n')
    expect(parse(text).sources[0].tables[0]).toEqual(parse(own).sources[0].tables[0])
  })

  it('is read by Python’s YAML, with which dbt reads it, as it was meant', () => {
    const units = ['a', ' ', '\n', '\t', '#', ': ', '- ', '"', "'", '%', '|', '\\', '{', '[', ',', '&', '*', '!', '?']
    const lines = ['\r', '\x00', '\x85', '\u2028', '\ufeff', '---', '...', 'é', '😀', 'word '.repeat(20)]
    const numbers = ['1', '.5', '-', '+', '_000', '0x1', '12:30', '2026-01-01', '=', '<<', '~', 'e3']
    const texts = fc.oneof(
      fc.string({ unit: fc.constantFrom(...units, ...lines, ...numbers), maxLength: 6 }),
      fc.mixedCase(fc.constantFrom('yes', 'no', 'on', 'off', 'y', 'n', 'true', 'false', 'null', '.inf', '.nan')),
    )
    const known = [' \n', 'yes', 'No', 'off', '2026-01-01', '12:30', '1_000', '=', '<<', '~', '.5', 'a\tb', '0o7', '']
    fc.assert(
      fc.property(fc.array(texts, { minLength: 100, maxLength: 300, size: 'max' }), (names) => {
        const described = withDescribed(names)
        const first = mergedFile(undefined, described, 'sources.yml').text
        const plain = new Map(described.tables[0]?.columns.map(({ name, description }) => [name, `${description}`]))
        const lexicon = withDescribed(names, (name) => name, plain)
        const second = mergedFile(first, lexicon, 'sources.yml').text
        expect(readByPython([first, second]).map((file) => file.sources[0]?.tables[0]?.columns)).toEqual(
          [described, lexicon].map(({ tables }) => tables[0]?.columns),
        )
      }),
      { numRuns: runs(5), examples: [[known]] },
    )
  })

  it('may have other sources, and lists that are not indented', () => {
    const existing = 'sources:\n- name: crm\n  tables:\n  - name: people\n'
    const { text } = merged(existing, [{ name: 'export', columns: ['event'] }])
    expect(text.startsWith(existing)).toBe(true)
    expect(parse(text).sources).toHaveLength(2)
  })

  it.each([
    'sources: [',
    'models: []\n',
    'sources:\n  - name: mixpanel\n    tables: all\n',
    'sources: [{name: mixpanel, tables: [{name: export, columns: 3}]}]',
  ])('is refused with a message if it is %j', (text) => {
    expect(() => merged(text, [{ name: 'export', columns: ['event'] }])).toThrow(/sources\.yml: .*--file/s)
  })
})
