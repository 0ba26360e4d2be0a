import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EVENT_PROPERTIES, EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { COLUMN_TYPES, type ColumnType } from '../../lib/columns/column.ts'
import { foldName } from '../../lib/columns/naming.ts'
import { ColumnRegistry, type ColumnRules, kindsOf, OVERFLOW_COLUMN, typeOfKind } from '../../lib/columns/registry.ts'
import { columnRules } from '../../lib/columns/rules.ts'
import { KIND, LONE_KINDS } from '../../lib/columns/value-kinds.ts'
import { PLAIN_RULES } from './plain-rules.ts'

const VALUE_KINDS = Object.values(KIND).filter((kind) => kind !== KIND.null)

const name = fc.oneof(
  fc.constantFrom(
    'plan',
    'Plan',
    'PLAN',
    '$plan',
    'mp_plan',
    'plan_2',
    'plan 2',
    'plan__text',
    '_more',
    'time',
    'event',
    '',
  ),
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.constantFrom('x'.repeat(70), `${'x'.repeat(70)}y`),
)
const kind = fc.constantFrom(...VALUE_KINDS)

type Step =
  | { readonly act: 'place'; readonly property: string; readonly kind: number }
  | { readonly act: 'companion'; readonly of: number }
  | { readonly act: 'overflow' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ act: fc.constant('place' as const), property: name, kind }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('companion' as const), of: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant<Step>({ act: 'overflow' }) },
)
const steps = fc.array(step, { maxLength: 40 })
const most = fc.oneof(
  fc.constant(1000),
  fc.integer({ min: EXPORT_COLUMNS.length + 1, max: EXPORT_COLUMNS.length + 10 }),
)

function take(registry: ColumnRegistry, step: Step): unknown {
  if (step.act === 'place') return registry.place(step.property, step.kind)
  if (step.act === 'overflow') return registry.overflowColumn()
  const column = registry.columns[step.of % registry.columns.length]
  return column === undefined ? undefined : registry.companionOf(column)
}

describe('the columns of a table, whatever properties come', () => {
  it('never change their name, type or place', () => {
    fc.assert(
      fc.property(steps, most, (all, columnsMax) => {
        const registry = new ColumnRegistry(EXPORT_COLUMNS, { ...PLAIN_RULES, columnsMax })
        let before = [...registry.columns]
        for (const step of all) {
          take(registry, step)
          expect(registry.columns.slice(0, before.length)).toEqual(before)
          before = [...registry.columns]
        }
      }),
    )
  })

  it('have names that differ in more than case', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const registry = new ColumnRegistry(EXPORT_COLUMNS, PLAIN_RULES)
        for (const step of all) take(registry, step)
        const names = registry.columns.map((column) => foldName(column.name))
        expect(new Set(names).size).toBe(names.length)
      }),
    )
  })

  it('are never more than allowed, companions and the overflow included', () => {
    fc.assert(
      fc.property(steps, most, (all, columnsMax) => {
        const registry = new ColumnRegistry(EXPORT_COLUMNS, { ...PLAIN_RULES, columnsMax })
        for (const step of all) take(registry, step)
        registry.overflowColumn()
        expect(registry.columns.length).toBeLessThanOrEqual(columnsMax)
      }),
    )
  })

  it('always take a property in the same way, unless it was left out for lack of room', () => {
    fc.assert(
      fc.property(steps, most, (all, columnsMax) => {
        const registry = new ColumnRegistry(EXPORT_COLUMNS, { ...PLAIN_RULES, columnsMax })
        const placed = new Map<string, unknown>()
        for (const step of all) {
          const answer = take(registry, step)
          if (step.act === 'place' && !placed.has(step.property)) placed.set(step.property, answer)
        }
        for (const [property, answer] of placed) expect(registry.place(property, KIND.text)).toEqual(answer)
      }),
    )
  })

  it('come back as they were when a later run starts from them', () => {
    fc.assert(
      fc.property(steps, most, (all, columnsMax) => {
        const rules = { ...PLAIN_RULES, columnsMax }
        const first = new ColumnRegistry(EXPORT_COLUMNS, rules)
        for (const step of all) take(first, step)
        const later = new ColumnRegistry(structuredClone(first.columns), rules)
        for (const step of all) {
          if (step.act === 'place')
            expect(later.place(step.property, step.kind)).toEqual(first.place(step.property, step.kind))
        }
        for (const column of [...first.columns]) {
          if (first.columns.some(({ owner }) => owner === column.name)) {
            expect(later.companionOf(column)).toEqual(first.companionOf(column))
          }
        }
        expect(later.columns).toEqual(first.columns)
      }),
    )
  })

  it('have types that do not depend on the order of the properties', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, kind), { selector: ([property]) => property, maxLength: 15 }),
        (all) => {
          const types = (pairs: typeof all) => {
            const registry = new ColumnRegistry(EXPORT_COLUMNS, PLAIN_RULES)
            for (const [property, first] of pairs) registry.place(property, first)
            return new Map(registry.columns.map(({ property, type, role }) => [`${role} ${property}`, type]))
          }
          expect(types(all.toReversed())).toEqual(types(all))
        },
      ),
    )
  })
})

describe('where a property goes', () => {
  const columnOf = (registry: ColumnRegistry, property: string, first: number = KIND.text) => {
    const placement = registry.place(property, first)
    return placement.to === 'column' ? placement.column : undefined
  }

  it('keeps a property that mixload needs, whatever the user leaves out', () => {
    const choices = { maxColumns: 100, newProperties: 'ignore', columns: {}, includeProperties: ['plan'] } as const
    const registry = new ColumnRegistry([], columnRules(choices, EVENT_PROPERTIES, true))
    expect(registry.place('$preshuffle_distinct_id', KIND.text).to).toBe('column')
    expect(registry.keeps('$preshuffle_distinct_id')).toBe(true)
    expect(registry.place('other', KIND.text)).toEqual({ to: 'nowhere' })
  })

  it('a property that a fixed column holds goes there, even if it is excluded or the table is full', () => {
    const rules: ColumnRules = {
      columnsMax: 1,
      newProperties: 'ignore',
      typeOf: () => undefined,
      isWanted: () => false,
    }
    const registry = new ColumnRegistry(EXPORT_COLUMNS, rules)
    expect(columnOf(registry, '$insert_id')?.name).toBe('mp_insert_id')
  })

  it('a column that an earlier version has named differently is used as it is', () => {
    const earlier = {
      name: 'mp_mp_api_timestamp_ms',
      type: 'bigint',
      role: 'property',
      property: '$mp_api_timestamp_ms',
    } as const
    const registry = new ColumnRegistry([...EXPORT_COLUMNS, earlier], PLAIN_RULES)
    expect(registry.place(earlier.property, KIND.integer)).toEqual({ to: 'column', column: earlier })
    expect(registry.companionOf(earlier)?.name).toBe('mp_mp_api_timestamp_ms__text')
    const fresh = new ColumnRegistry(EXPORT_COLUMNS, PLAIN_RULES).place(earlier.property, KIND.integer)
    expect(fresh).toMatchObject({ to: 'column', column: { name: 'mp_api_timestamp_ms' } })
  })

  it('a property with the name of a fixed column gets another name', () => {
    const registry = new ColumnRegistry(EXPORT_COLUMNS, PLAIN_RULES)
    expect(columnOf(registry, 'event')?.name).toBe('event_2')
    expect(columnOf(registry, 'Event')?.name).toBe('event_3')
    expect(columnOf(registry, '_more')?.name).toBe('_more_2')
  })

  it('a property that is excluded is dropped, even if it has a column', () => {
    const existing = [...EXPORT_COLUMNS, { name: 'a', type: 'text', role: 'property', property: 'a' } as const]
    const registry = new ColumnRegistry(existing, { ...PLAIN_RULES, isWanted: (property) => property === 'b' })
    expect(registry.place('a', KIND.text)).toEqual({ to: 'nowhere' })
    expect(columnOf(registry, 'b')?.name).toBe('b')
  })

  it('only known properties have columns when new ones are to be ignored', () => {
    const existing = [...EXPORT_COLUMNS, { name: 'a', type: 'double', role: 'property', property: 'a' } as const]
    const registry = new ColumnRegistry(existing, { ...PLAIN_RULES, newProperties: 'ignore' })
    expect(columnOf(registry, 'a')?.name).toBe('a')
    expect(registry.place('b', KIND.text)).toEqual({ to: 'nowhere' })
    expect(registry.columns).toEqual(existing)
  })

  it('a property without room goes to the overflow, for which one place is reserved', () => {
    const columnsMax = EXPORT_COLUMNS.length + 3
    const registry = new ColumnRegistry(EXPORT_COLUMNS, { ...PLAIN_RULES, columnsMax })
    const a = columnOf(registry, 'a', KIND.integer)
    if (a === undefined) throw new Error('no column')
    expect(registry.companionOf(a)?.name).toBe('a__text')
    expect(registry.place('b', KIND.text)).toEqual({ to: 'overflow' })
    expect(registry.companionOf({ ...a, name: 'other' })).toBeUndefined()
    expect(registry.overflowColumn()).toMatchObject({ name: OVERFLOW_COLUMN, type: 'json', role: 'overflow' })
    expect(registry.columns.length).toBe(columnsMax)
  })

  it('the type from the settings or the catalogue takes precedence over that of the first value', () => {
    const typeOf = (property: string): ColumnType | undefined => (property === 'when' ? 'timestamptz' : undefined)
    const registry = new ColumnRegistry(EXPORT_COLUMNS, { ...PLAIN_RULES, typeOf })
    expect(columnOf(registry, 'when', KIND.integer)?.type).toBe('timestamptz')
    expect(columnOf(registry, 'then', KIND.integer)?.type).toBe('double')
  })
})

describe('types and kinds', () => {
  it.each(VALUE_KINDS)('a value of kind %i fits the column that it makes, or needs rewriting to fit', (first) => {
    const fits = kindsOf(typeOfKind(first)) & first
    const isRewritten = first & (LONE_KINDS | KIND.longInteger | KIND.bigNumber | KIND.preciseJson)
    expect(Boolean(fits) !== Boolean(isRewritten)).toBe(true)
  })

  it('every type takes null, and none takes what UTF-8 cannot encode', () => {
    for (const type of COLUMN_TYPES) {
      expect(kindsOf(type) & KIND.null).toBe(KIND.null)
      expect(kindsOf(type) & LONE_KINDS).toBe(0)
    }
  })

  it('integers beyond 2^53 become text', () => {
    expect([KIND.longInteger, KIND.bigNumber].map(typeOfKind)).toEqual(['text', 'text'])
  })
})
