import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isInstant, isIsoDate, isIsoMoment, toInstantText } from '../../lib/time/instants.ts'
import { runs } from '../runs.ts'

let instance: DuckDBInstance
let connection: DuckDBConnection
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
})
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

/** A number of two digits, mostly one that a clock shows. */
const pair = (most: number) =>
  fc
    .oneof({ weight: 9, arbitrary: fc.nat(most) }, { weight: 1, arbitrary: fc.nat(99) })
    .map((value) => String(value).padStart(2, '0'))
const date = fc
  .tuple(fc.oneof(fc.integer({ min: 1900, max: 2100 }), fc.nat(9999)), pair(12), pair(31))
  .map(([year, month, day]) => `${String(year).padStart(4, '0')}-${month}-${day}`)
const zone = fc.oneof(
  fc.constantFrom('', 'Z', '+00:00', '-00:00', '+14:00', '-12:00', '+0530', '+23:59', '-2359'),
  fc.tuple(fc.constantFrom('+', '-'), pair(14), fc.constantFrom('', ':'), pair(59)).map((parts) => parts.join('')),
)
const clock = fc
  .tuple(fc.constantFrom('T', ' '), pair(23), pair(59), pair(59), fc.constantFrom('', '.5', '.123', '.123456'), zone)
  .map(([gap, hour, minute, second, fraction, offset]) => `${gap}${hour}:${minute}:${second}${fraction}${offset}`)
const text = fc.tuple(date, fc.oneof(fc.constant(''), clock)).map((parts) => parts.join(''))

describe('a text that is a moment', () => {
  it('is one that the engine reads as the same moment', async () => {
    await fc.assert(
      fc.asyncProperty(text.filter(isInstant), async (given) => {
        const instant = toInstantText(given)
        const result = await connection.runAndReadAll(`SELECT epoch_ms(CAST('${instant}' AS TIMESTAMPTZ))`)
        // Before 1970 the two round what is below a millisecond to different sides.
        expect(Math.abs(Number(result.getRowsJS()[0]?.[0]) - Date.parse(instant))).toBeLessThanOrEqual(1)
      }),
      { numRuns: runs(600) },
    )
  })

  it.each([
    ['2026-08-03', '2026-08-03T00:00:00Z'],
    ['2026-08-03T10:20:30', '2026-08-03T10:20:30Z'],
    ['2026-08-03 10:20:30', '2026-08-03T10:20:30Z'],
    ['2026-08-03T10:20:30Z', '2026-08-03T10:20:30Z'],
    ['2026-08-03 10:20:30.123456+02:00', '2026-08-03T10:20:30.123456+02:00'],
    ['2026-08-03T10:20:30-0130', '2026-08-03T10:20:30-0130'],
    ['2024-02-29', '2024-02-29T00:00:00Z'],
  ])('%s is %s', (given, instant) => {
    expect(isInstant(given)).toBe(true)
    expect(toInstantText(given)).toBe(instant)
  })

  it.each([
    '',
    '2026',
    '2026-08',
    '2026-8-3',
    '20260803',
    '2026-02-29',
    '2026-02-30T10:00:00',
    '2026-04-31T23:00:00-05:00',
    '2026-13-01',
    '2026-08-03T',
    '2026-08-03T10',
    '2026-08-03T10:20',
    '2026-08-03T25:00:00',
    '2026-08-03T10:60:00',
    '2026-08-03T10:20:30.1234567',
    '2026-08-03T10:20:30+25:00',
    '2026-08-03T10:20:30 Z',
    '2026-08-03\n',
    ' 2026-08-03',
    'August 3, 2026',
    '1785758400000',
    '٢٠٢٦-٠٨-٠٣',
  ])('%j is not one', (given) => {
    expect(isInstant(given)).toBe(false)
  })

  it('is recognized without failing, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), text), (given) => {
        expect(typeof isInstant(given)).toBe('boolean')
      }),
      { numRuns: runs(400) },
    )
  })
})

describe('a text that can be stored as a date or a timestamp', () => {
  it('is one that the engine casts as it is, without losing a digit', async () => {
    await fc.assert(
      fc.asyncProperty(
        text.filter((given) => isIsoDate(given) || isIsoMoment(given)),
        async (given) => {
          const moment = `CAST('${given}' AS TIMESTAMPTZ)`
          const result = await connection.runAndReadAll(
            `SELECT CAST(CAST(${moment} AS DATE) AS VARCHAR), epoch_us(${moment}), year(${moment})`,
          )
          const [day, microseconds, year] = result.getRowsJS()[0] ?? []
          expect(Number(year)).toBeGreaterThanOrEqual(1)
          expect(Number(year)).toBeLessThanOrEqual(9999)
          if (isIsoDate(given)) expect(day).toBe(given)
          const [, fraction = ''] = /\.(\d+)/.exec(given) ?? []
          const seconds = Date.parse(toInstantText(given).replace(/\.\d+/, '')) / 1000
          expect(microseconds).toBe(BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, '0')))
        },
      ),
      { numRuns: runs(600) },
    )
  })

  it.each(['2026-08-03T10:20:30', '2026-08-03T24:00:00Z', '2026-08-03T23:59:60Z', '0000-06-01T00:00:00Z'])(
    '%s is neither',
    (given) => {
      expect([isIsoDate(given), isIsoMoment(given)]).toEqual([false, false])
    },
  )

  it.each(['9999-12-31T23:59:59.999999Z', '0001-01-01T00:00:00+00:00', '2026-08-03 10:20:30-0330'])(
    '%s is a timestamp',
    (given) => {
      expect([isIsoDate(given), isIsoMoment(given)]).toEqual([false, true])
    },
  )
})
