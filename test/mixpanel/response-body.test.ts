import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFramed } from '../../lib/mixpanel/response-body.ts'

describe('the end of a body', () => {
  it.each([
    [undefined, undefined, false],
    ['17', undefined, true],
    [undefined, 'chunked', true],
    [undefined, ' Chunked ', true],
    [undefined, 'gzip, chunked', true],
    [undefined, ['gzip', 'chunked'], true],
    [undefined, 'identity', false],
    [undefined, 'gzip', false],
    [undefined, 'chunked, gzip', false],
    [undefined, ['chunked', 'identity'], false],
    [undefined, '', false],
    ['17', 'identity', false],
    ['17', 'chunked', true],
  ])('with the length %j and the transfer encoding %j is known: %j', (length, encoding, isKnown) => {
    expect(isFramed(length, encoding)).toBe(isKnown)
  })

  it('is not known with any encoding whose last coding is not chunked', () => {
    const coding = fc.constantFrom('identity', 'gzip', 'deflate', 'chunkedx', 'x-chunked', '')
    fc.assert(
      fc.property(fc.array(fc.constantFrom('gzip', 'chunked')), coding, (before, last) => {
        expect(isFramed('5', [...before, last].join(', '))).toBe(false)
        expect(isFramed('5', [...before, last, 'chunked'].join(' ,'))).toBe(true)
      }),
    )
  })
})
