import fc from 'fast-check'
import { DateTime } from 'luxon'
import { describe, expect, it } from 'vitest'
import { momentIn } from '../../lib/time/local-moment.ts'

const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/Los_Angeles', 'Australia/Lord_Howe', 'Asia/Kathmandu')
const second = fc
  .integer({ min: Date.UTC(1990, 0, 1) / 1000, max: Date.UTC(2037, 0, 1) / 1000 })
  .map((seconds) => seconds * 1000)
const isoOf = (text: string) => new Date(momentIn(text, 'Europe/Berlin') ?? Number.NaN).toISOString()

describe('the moment of a text', () => {
  it('is the one of its offset, whatever the zone', () => {
    fc.assert(
      fc.property(second, zone, zone, fc.constantFrom('T', ' '), (ms, written, project, between) => {
        const text = DateTime.fromMillis(ms, { zone: written }).toISO({ suppressMilliseconds: true }) ?? ''
        expect(momentIn(text.replace('T', between), project)).toBe(ms)
      }),
    )
  })

  it('without an offset is the earliest at which the clock of the zone shows it', () => {
    fc.assert(
      fc.property(second, zone, (ms, project) => {
        const text = DateTime.fromMillis(ms, { zone: project }).toFormat('yyyy-MM-dd HH:mm:ss')
        const moment = momentIn(text, project) ?? Number.NaN
        expect(DateTime.fromMillis(moment, { zone: project }).toFormat('yyyy-MM-dd HH:mm:ss')).toBe(text)
        expect(moment).toBeLessThanOrEqual(ms)
        expect(ms - moment).toBeLessThanOrEqual(3_600_000)
      }),
    )
  })

  it('of a day is its beginning', () => {
    expect(isoOf('2026-02-15')).toBe('2026-02-14T23:00:00.000Z')
  })

  it('is the earlier one of an hour that comes twice', () => {
    expect(isoOf('2026-10-25 02:30:00')).toBe('2026-10-25T00:30:00.000Z')
  })

  it('is moved forward by the gap in an hour that the clock skips', () => {
    expect(isoOf('2026-03-29 02:30:00')).toBe('2026-03-29T01:30:00.000Z')
  })

  it.each(['', 'soon', '2026-02-30 12:00:00', '2026-02-15 25:00:00', '15.02.2026', '1770000000'])(
    'does not exist for %j',
    (text) => expect(momentIn(text, 'Europe/Berlin')).toBeUndefined(),
  )
})
