import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFailure } from '../../lib/core/errors.ts'
import { ENDPOINTS } from '../../lib/ingest/endpoints.ts'
import { interpretResponse } from '../../lib/ingest/response.ts'
import { Watermark } from '../../lib/ingest/watermark.ts'

const COUNT = 3
const interpret = (status: number, body: unknown) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return interpretResponse(ENDPOINTS.import, { status, body: text, retryAfter: '7' }, COUNT)
}
const errorForEach = (reason: string) => [0, 1, 2].map((position) => ({ position, reason }))

describe('a response', () => {
  it.each([
    ['1'],
    ['{"status":1,"error":null}'],
    ['{"status":1,"error":""}'],
    ['{"code":200,"num_records_imported":3,"status":"OK"}'],
    ['{"num_good_events":3,"status":1}'],
  ])('%s means that all records were accepted', (body) => {
    expect(interpret(200, body)).toEqual({ kind: 'processed', errors: [] })
  })

  it.each([
    ['0', 'Mixpanel accepted no record of this request'],
    ['{"status":0,"error":"data, missing or empty"}', 'data, missing or empty'],
    ['{"error":"data, missing or empty","status":0}', 'data, missing or empty'],
    ['<html>hello</html>', '<html>hello</html>'],
  ])('%s means that no record was accepted', (body, reason) => {
    expect(interpret(200, body)).toEqual({ kind: 'processed', errors: errorForEach(reason) })
  })

  it('may name the id of a record insert_id or $insert_id', () => {
    const failed = [
      { index: 2, insert_id: 'a', field: 'properties.time', message: "'properties.time' is invalid" },
      { index: 0, $insert_id: 'b', field: '', message: 'too large' },
    ]
    expect(interpret(400, { code: 400, failed_records: failed, num_records_imported: 1 })).toEqual({
      kind: 'processed',
      errors: [
        { position: 2, reason: "'properties.time' is invalid", field: 'properties.time' },
        { position: 0, reason: 'too large' },
      ],
    })
  })

  it('may list texts instead of records', () => {
    const text = 'identity events are not allowed when project is using simplified identity management'
    expect(interpret(400, { failed_records: [text] })).toEqual({ kind: 'identity-events-rejected', reason: text })
    expect(interpret(400, { failed_records: ['something else'] })).toEqual({
      kind: 'processed',
      errors: errorForEach('something else'),
    })
  })

  it('with status 413 means that the request was too large', () => {
    expect(interpret(413, { error: 'request exceeds max limit of 2097152 bytes' })).toEqual({
      kind: 'too-large',
      reason: 'request exceeds max limit of 2097152 bytes',
    })
  })

  it.each([
    [401, { error: 'Invalid credentials' }, 'CREDENTIALS_REFUSED'],
    [400, { error: 'request body is not valid JSON' }, 'REQUEST_REFUSED'],
    [429, { error: 'Project exceeded rate limits.' }, 'RATE_LIMITED'],
    [502, 'Bad Gateway', 'SERVER_FAILED'],
    [403, { error: 'no', status: 'error' }, 'PERMISSION_REFUSED'],
  ] as const)('with status %i and the body %j is an error', (status, body, code) => {
    try {
      interpret(status, body)
      expect.unreachable()
    } catch (error) {
      expect(isFailure(error, code)).toBe(true)
      expect(isFailure(error, code) && error.retryAfterMs).toBe(7000)
    }
  })
})

describe('a watermark', () => {
  it('is the end of the first ranges without a gap', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(lengths, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (sizes, random) => {
        let from = 0
        const ranges = sizes.map((length) => {
          from += length
          return [from - length, from] as const
        })
        const keys = new Map(ranges.map((range) => [range, random.next().value as number]))
        const order = [...ranges].sort((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0))
        const watermark = new Watermark()
        const done = new Set<number>()
        for (const [start, end] of order) {
          watermark.markDone(start, end)
          for (let number = start; number < end; number++) done.add(number)
          let expected = 0
          while (done.has(expected)) expected++
          expect(watermark.through).toBe(expected)
        }
        expect(watermark.through).toBe(from)
      }),
    )
  })
})
