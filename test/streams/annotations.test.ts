import { describe, expect, it } from 'vitest'
import { annotationRecord } from '../../lib/streams/annotations.ts'

const read = (annotation: Record<string, unknown>) => annotationRecord(annotation, 'Europe/Berlin')

describe('an annotation', () => {
  it.each([
    ['2023-01-15T12:00:00+01:00', '2023-01-15T11:00:00.000Z'],
    ['2023-01-15T12:00:00-08:00', '2023-01-15T20:00:00.000Z'],
    ['2026-02-15 12:00:00', '2026-02-15T11:00:00.000Z'],
    ['2026-07-15 12:00:00', '2026-07-15T10:00:00.000Z'],
    ['2026-07-15', '2026-07-14T22:00:00.000Z'],
  ])('of %s stands at %s, and the text is kept', (text, moment) => {
    expect(read({ id: 1, date: text })).toEqual({ id: 1, date: moment, date_text: text })
  })

  it.each([['some day'], [12], [null]])('of %j stands at no moment', (date) => {
    expect(read({ id: 1, date })).toEqual({ id: 1, date: null, date_text: date })
  })

  it('keeps what is not known', () => {
    const annotation = { id: 1, description: 'Release', user: { id: 3 }, tags: [{ id: 7 }], colour: 'red' }
    expect(read(annotation)).toEqual({ ...annotation, date: null, date_text: null })
  })
})
