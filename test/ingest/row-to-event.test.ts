import { describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Column, ColumnType } from '../../lib/columns/column.ts'
import { RowToEvent } from '../../lib/ingest/row-to-event.ts'

function property(name: string, type: ColumnType, of = name): Column {
  return { name, type, role: 'property', property: of }
}

const converter = new RowToEvent([
  ...EXPORT_COLUMNS,
  property('n', 'double'),
  property('list', 'json'),
  property('event_2', 'text', 'event'),
  { name: '_more', type: 'json', role: 'overflow', property: null },
])

function eventOf(members: string): string {
  return converter.convert(`{"event":"Order","distinct_id":"ann",${members}}`)
}

describe('an event of a row', () => {
  it('has whole numbers without a point, also beside a long number', () => {
    expect(eventOf('"n":5.0')).toMatch(/"n":5[,}]/)
    const long = eventOf('"n":5.0,"list":[12345678901234567890]')
    expect(long).toMatch(/"n":5[,}]/)
    expect(long).toContain('"list":[12345678901234567890]')
    expect(eventOf('"n":1234567890123456.0')).toMatch(/"n":1234567890123456[,}]/)
  })

  it('keeps its name, whatever its properties are called', () => {
    for (const members of [
      '"event_2":"Other"',
      '"_more":{"event":"Other"}',
      '"_more":{"../event (property)":"Other"}',
      '"_more":{"x (superseded)":1}',
    ]) {
      expect(JSON.parse(eventOf(members))).toMatchObject({ event: 'Order' })
    }
    expect(JSON.parse(eventOf('"_more":{"../event (property)":1}')).properties).toMatchObject({ '../event': 1 })
  })
})
