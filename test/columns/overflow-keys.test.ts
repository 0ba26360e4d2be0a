import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { identityKey, overflowKey, readOverflowKey, supersededKey } from '../../lib/columns/overflow-keys.ts'

const property = fc
  .tuple(
    fc.constantFrom('', 'plan', '../', '../event', 'a\n'),
    fc.string(),
    fc.array(fc.constantFrom(' (superseded)', ' (property)'), { maxLength: 3 }),
  )
  .map(([before, text, after]) => before + text + after.join(''))

describe('the keys of the overflow column', () => {
  it('return each property, whatever its name', () => {
    fc.assert(
      fc.property(property, (name) => {
        expect(readOverflowKey(overflowKey(name))).toEqual({ kind: 'property', property: name })
      }),
    )
  })

  it('are those of no two properties, and never one of mixload’s own', () => {
    fc.assert(
      fc.property(property, property, (name, second) => {
        if (name !== second) expect(overflowKey(name)).not.toBe(overflowKey(second))
        expect(overflowKey(name)).not.toBe(identityKey('event'))
        expect(overflowKey(name)).not.toBe(supersededKey(second))
      }),
    )
  })

  it('of earlier values and of the event are mixload’s own', () => {
    fc.assert(
      fc.property(property, (name) => {
        expect(readOverflowKey(supersededKey(name)).kind).toBe('superseded')
      }),
    )
    expect(readOverflowKey(identityKey('event'))).toEqual({ kind: 'identity' })
  })
})
