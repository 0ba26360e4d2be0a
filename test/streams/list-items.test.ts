import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAnswer } from '../../lib/streams/answer.ts'
import { itemsIn, type ListForm } from '../../lib/streams/list-items.ts'

const FORM: ListForm = { what: 'The list', member: 'results', noun: 'Thing', id: 'id', integers: ['id'] }

const good = fc.record({ id: fc.oneof(fc.integer(), fc.integer().map(String)), name: fc.string() })
const odd = fc.oneof(
  fc.record({ name: fc.string() }),
  fc.record({ id: fc.constantFrom('', 'x', null, true, [], {}), name: fc.string() }),
  fc.constantFrom(null, 1, 'x', [], true),
)
const read = (list: readonly unknown[]) => itemsIn(parseAnswer(Buffer.from(JSON.stringify(list)), 'The list'), FORM)

describe('a list', () => {
  it('is read without the items that have no id, in its order, and each of those is named by its position', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), good, odd)), good, (parts, sure) => {
        const list = [...parts.map(([isGood, item, bad]) => (isGood ? item : bad)), sure]
        const isGood = [...parts.map(([is]) => is), true]
        const { items, leftOut } = read(list)
        const wanted = [...parts.flatMap(([is, item]) => (is ? [item] : [])), sure]
        expect(items.map(({ id }) => JSON.stringify(id))).toEqual(wanted.map(({ id }) => String(id)))
        const positions = isGood.flatMap((is, at) => (is ? [] : [`Thing at position ${at + 1}`]))
        expect(leftOut.map(({ name }) => name.replace(/ \(.*\)$/s, ''))).toEqual(positions)
        for (const { error } of leftOut) expect(error.code).toBe('BODY_UNREADABLE')
      }),
    )
  })

  it('may be empty, but not all odd', () => {
    expect(read([])).toEqual({ items: [], leftOut: [] })
    fc.assert(
      fc.property(fc.array(odd, { minLength: 1 }), (list) => {
        expect(() => read(list)).toThrow(/^The list has an unexpected form: /)
      }),
    )
  })
})
