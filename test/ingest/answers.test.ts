import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFailure } from '../../lib/core/errors.ts'
import { readAnswer } from '../../lib/ingest/answers.ts'
import { ENDPOINTS } from '../../lib/ingest/endpoints.ts'
import { Watermark } from '../../lib/ingest/watermark.ts'

const read = (status: number, body: unknown, count = 3, endpoint = ENDPOINTS.import) =>
  readAnswer(endpoint, { status, body: typeof body === 'string' ? body : JSON.stringify(body), retryAfter: '7' }, count)
const all = (reason: string) => [0, 1, 2].map((position) => ({ position, reason }))

describe('an answer', () => {
  it.each([
    ['1'],
    ['{"status":1,"error":null}'],
    ['{"status":1,"error":""}'],
    ['{"code":200,"num_records_imported":3,"status":"OK"}'],
    ['{"num_good_events":3,"status":1}'],
  ])('%s says that all were taken', (body) => {
    expect(read(200, body)).toEqual({ kind: 'taken', faults: [] })
  })

  it.each([
    ['0', 'Mixpanel took none of the records of this request'],
    ['{"status":0,"error":"data, missing or empty"}', 'data, missing or empty'],
    ['{"error":"data, missing or empty","status":0}', 'data, missing or empty'],
    ['<html>hello</html>', '<html>hello</html>'],
  ])('%s says that none was', (body, reason) => {
    expect(read(200, body)).toEqual({ kind: 'taken', faults: all(reason) })
  })

  it('names records by either name of their id', () => {
    const failed = [
      { index: 2, insert_id: 'a', field: 'properties.time', message: "'properties.time' is invalid" },
      { index: 0, $insert_id: 'b', field: '', message: 'too large' },
    ]
    expect(read(400, { code: 400, failed_records: failed, num_records_imported: 1 })).toEqual({
      kind: 'taken',
      faults: [
        { position: 2, reason: "'properties.time' is invalid", field: 'properties.time' },
        { position: 0, reason: 'too large' },
      ],
    })
  })

  it('may have texts in the place of records', () => {
    const text = 'identity events are not allowed when project is using simplified identity management'
    expect(read(400, { failed_records: [text] })).toEqual({ kind: 'verbs-refused', reason: text })
    expect(read(400, { failed_records: ['something else'] })).toEqual({ kind: 'taken', faults: all('something else') })
  })

  it('413 asks for less', () => {
    expect(read(413, { error: 'request exceeds max limit of 2097152 bytes' })).toEqual({
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
  ] as const)('%i of %j is an error', (status, body, code) => {
    try {
      read(status, body)
      expect.unreachable()
    } catch (error) {
      expect(isFailure(error, code)).toBe(true)
      expect(isFailure(error, code) && error.retryAfterMs).toBe(7000)
    }
  })
})

describe('a watermark', () => {
  it('is the end of the first part that is done without a gap', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(lengths, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (parts, random) => {
        let from = 0
        const ranges = parts.map((length) => {
          from += length
          return [from - length, from] as const
        })
        const keys = new Map(ranges.map((range) => [range, random.next().value as number]))
        const order = [...ranges].sort((one, other) => (keys.get(one) ?? 0) - (keys.get(other) ?? 0))
        const watermark = new Watermark()
        const done = new Set<number>()
        for (const [start, end] of order) {
          watermark.done(start, end)
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
