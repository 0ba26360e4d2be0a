import fc from 'fast-check'
import { expect, it } from 'vitest'
import { lexiconOf } from '../../lib/describe/lexicon.ts'

const event = (name: string, properties: object) => ({ entityType: 'event', name, schemaJson: { properties } })

it('has the descriptions of properties, and names the events where they differ', () => {
  const entries = [
    event('Buy', { plan: { description: 'Plan' }, price: { description: 'In EUR' }, empty: { description: ' ' } }),
    event('Sell', { plan: { description: 'Plan' }, price: { description: 'In USD' } }),
    { entityType: 'profile', name: '$user', schemaJson: { properties: { plan: { description: 'Of the person' } } } },
    { entityType: 'custom_event', name: 'Any', schemaJson: { properties: { plan: { description: 'Passed over' } } } },
  ]
  const expected = {
    events: { plan: { description: 'Plan' }, price: { description: 'Buy: In EUR; Sell: In USD' } },
    profiles: { plan: { description: 'Of the person' } },
  }
  expect(lexiconOf({ status: 'ok', results: entries })).toEqual(expected)
  expect(lexiconOf(entries)).toEqual(expected)
})

it('ignores entries of an undocumented form', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.jsonValue(), (entries, properties) => {
      const odd = [...entries, event('Odd', { odd: properties }), { ...event('x', {}), schemaJson: properties }]
      expect(lexiconOf([...odd, event('Buy', { known: { description: 'Known' } })]).events.known).toEqual({
        description: 'Known',
      })
    }),
  )
  expect(() => lexiconOf({ status: 'ok' })).toThrow('Lexicon')
})
