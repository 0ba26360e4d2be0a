import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ERROR_CODES, MixloadError } from '../../lib/core/errors.ts'
import { errorTextOf, refusalError, retryAfterMilliseconds } from '../../lib/mixpanel/response-errors.ts'

const REQUEST = 'GET /api/2.0/export?from_date=2026-08-03&to_date=2026-08-03'

const refuse = (status: number, body: string, retryAfter?: string) =>
  refusalError({ status, body, request: REQUEST, retryAfter })
const json = (error: string, more: object = {}) => JSON.stringify({ ...more, error })

describe('what an answer that is not 200 means', () => {
  it.each([
    [400, 'Unable to authenticate request', 'CREDENTIALS_REFUSED'],
    [400, json('Unable to authenticate request', { request: '/api/2.0/export' }), 'CREDENTIALS_REFUSED'],
    [400, 'invalid parameter: sig', 'CREDENTIALS_REFUSED'],
    [401, json('Invalid credentials', { code: 401, status: 0 }), 'CREDENTIALS_REFUSED'],
    [401, json('Invalid service account credentials'), 'CREDENTIALS_REFUSED'],
    [401, json('Unauthorized, invalid project secret.'), 'CREDENTIALS_REFUSED'],
    [401, '', 'CREDENTIALS_REFUSED'],
    [400, ' to_date cannot be later than today', 'DAY_IN_FUTURE'],
    [400, json('to_date cannot be later than today'), 'DAY_IN_FUTURE'],
    [400, json('Timeout Error.', { request: '/api/2.0/export?from_date=2026-08-03' }), 'QUERY_TIMEOUT'],
    [504, 'Timeout Error.', 'QUERY_TIMEOUT'],
    [400, JSON.stringify({ message: 'Timeout Error.' }), 'QUERY_TIMEOUT'],
    [429, json('too many export requests in progress for this project'), 'RATE_LIMITED'],
    [400, 'too many export requests in progress for this project', 'RATE_LIMITED'],
    [429, json('Query rate limit exceeded for project_id: 1. 6/5 queries running concurrently'), 'RATE_LIMITED'],
    [429, json('Project exceeded rate limits. Please retry the request with exponential backoff.'), 'RATE_LIMITED'],
    [429, '', 'RATE_LIMITED'],
    [402, json('Your plan does not allow API calls. Upgrade at mixpanel.com/pricing'), 'PLAN_REFUSED'],
    [402, 'Your plan does not support raw data export.', 'PLAN_REFUSED'],
    [402, '', 'PLAN_REFUSED'],
    [403, json('Date range exceeds 90 days into the past'), 'PERMISSION_REFUSED'],
    [403, '', 'PERMISSION_REFUSED'],
    [404, '<html>Not Found</html>', 'NOT_FOUND'],
    [408, '', 'SERVER_FAILED'],
    [500, '', 'SERVER_FAILED'],
    [502, '<html>Bad Gateway</html>', 'SERVER_FAILED'],
    [503, json('backend'), 'SERVER_FAILED'],
    [524, '', 'SERVER_FAILED'],
    [400, json('Error in from_date: invalid date, bad year'), 'REQUEST_REFUSED'],
    [400, '', 'REQUEST_REFUSED'],
    [412, 'script error', 'REQUEST_REFUSED'],
    [413, 'request exceeds max limit of 2097152 bytes', 'REQUEST_REFUSED'],
    [301, '', 'REQUEST_REFUSED'],
    [202, '', 'SERVER_FAILED'],
    [203, '{"results":[]}', 'SERVER_FAILED'],
    [204, '', 'SERVER_FAILED'],
    [206, '{"event":"E"', 'SERVER_FAILED'],
  ])('%i with %j is %s', (status, body, code) => {
    expect(refuse(status, body).code).toBe(code)
  })

  it('is recognized whatever the case of its text', () => {
    expect(refuse(400, 'TO_DATE CANNOT BE LATER THAN TODAY').code).toBe('DAY_IN_FUTURE')
    expect(refuse(400, 'unable to Authenticate Request').code).toBe('CREDENTIALS_REFUSED')
  })

  it('names the request and what the answer said', () => {
    for (const status of [400, 401, 402, 403, 404, 408, 429, 500]) {
      const { message } = refuse(status, json('it said so'))
      expect(message).toContain(REQUEST)
      expect(message).toContain('it said so')
    }
  })

  it('is an error of a known code for every status and body', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), fc.oneof(fc.string(), fc.json()), (status, body) => {
        fc.pre(status !== 200)
        const error = refuse(status, body)
        expect(error).toBeInstanceOf(MixloadError)
        expect(Object.keys(ERROR_CODES)).toContain(error.code)
        if (status >= 500 || (status > 200 && status < 300)) expect(error.retry).toBe(true)
        expect(error.message.length).toBeLessThan(2000)
      }),
    )
  })

  it('has the wait that was asked for, whatever the code', () => {
    expect(refuse(429, '', '30').retryAfterMs).toBe(30_000)
    expect(refuse(503, '', '2').retryAfterMs).toBe(2000)
    expect(refuse(400, 'Timeout Error.', '2').retryAfterMs).toBe(2000)
    expect(refuse(429, '').retryAfterMs).toBeUndefined()
    expect(refuse(429, '', 'soon').retryAfterMs).toBeUndefined()
  })
})

describe('the error message in a body', () => {
  it.each([
    ['{"error":"a"}', 'a'],
    ['{"error":"a","message":"b"}', 'a'],
    ['{"message":"b"}', 'b'],
    ['{"error":{"code":1}}', '{"error":{"code":1}}'],
    ['{"error":5,"message":"b"}', 'b'],
    ['null', 'null'],
    ['["x"]', '["x"]'],
    ['  two\n lines ', 'two lines'],
    ['', 'no message'],
    [' \n ', 'no message'],
    ['{"error":"cut', '{"error":"cut'],
  ])('%j: %s', (body, says) => {
    expect(errorTextOf(body)).toBe(says)
  })

  it('is short, however long the body or the error in it', () => {
    expect(errorTextOf('x'.repeat(10_000)).length).toBe(300)
    expect(errorTextOf(json('x'.repeat(10_000))).length).toBeLessThanOrEqual(300)
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-08-03T12:00:00Z')

  it.each([
    ['0', 0],
    ['1', 1000],
    ['120', 120_000],
    [' 5 ', 5000],
    ['1.5', 1500],
    ['Mon, 03 Aug 2026 12:00:30 GMT', 30_000],
    ['Mon, 03 Aug 2026 12:00:00 GMT', 0],
  ])('%j is %i milliseconds', (header, ms) => {
    expect(retryAfterMilliseconds(header, now)).toBe(ms)
  })

  it.each(['', ' ', '-1', '-0.5', 'soon', 'NaN', '12 apples', '{}', 'Mon, 03 Aug 2026 11:59:59 GMT'])(
    '%j is ignored',
    (header) => {
      expect(retryAfterMilliseconds(header, now)).toBeUndefined()
    },
  )

  it('that is not a number of seconds is ignored, although JavaScript can convert it', () => {
    expect(retryAfterMilliseconds('Infinity', now)).toBeUndefined()
    expect(retryAfterMilliseconds('0x10', now)).toBeUndefined()
    expect(retryAfterMilliseconds('gone till 2099', now)).toBeUndefined()
  })

  it('is ignored if it is missing', () => {
    expect(retryAfterMilliseconds(undefined, now)).toBeUndefined()
  })

  it('is never negative and never endless', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.double().map(String), fc.integer().map(String), fc.constantFrom('1e999', '-Infinity')),
        (header) => {
          const ms = retryAfterMilliseconds(header, now)
          expect(ms === undefined || (ms >= 0 && Number.isFinite(ms)), header).toBe(true)
        },
      ),
    )
  })
})
