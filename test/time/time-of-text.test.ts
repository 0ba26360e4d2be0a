import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toMixpanelTime } from '../../lib/ingest/mixpanel-time.ts'
import { clockMs, eventClock, FILE_CLOCK, timeOfText } from '../../lib/time/event-time.ts'
import { millisecondsOf } from '../../lib/time/instants.ts'

const ms = fc.integer({ min: 0, max: Date.parse('2100-01-01T00:00:00Z') })
const iso = ms.chain((moment) => {
  const text = new Date(moment).toISOString()
  return fc.constantFrom(
    text,
    text.slice(0, -1),
    text.replace('T', ' '),
    text.slice(0, 19),
    text.slice(0, 10),
    ` ${text} `,
  )
})
const number = fc.oneof(
  ms.map(String),
  ms.map((moment) => String(moment / 1000)),
  ms.map((moment) => ` ${moment} `),
  ms.map((moment) => (moment / 1000).toExponential()),
)
const text = fc.oneof(
  iso,
  number,
  fc.string(),
  fc.constantFrom('', 'NaN', 'null', '0x10', '1_000', 'Tue Jan 09 2024', 'true'),
)

describe('a text as time', () => {
  it('stands for the same moment in a file that is loaded and in one that is imported', () => {
    fc.assert(
      fc.property(text, (given) => {
        const loaded = timeOfText(FILE_CLOCK, given)
        if (loaded === undefined || loaded < 0) expect(() => toMixpanelTime(given, 'time')).toThrow('time must be')
        else expect(millisecondsOf(toMixpanelTime(given, 'time'))).toBeCloseTo(clockMs(FILE_CLOCK, loaded), 0)
      }),
    )
  })

  it('in ISO 8601 is that moment, also in the export of a day', () => {
    fc.assert(
      fc.property(fc.oneof(ms, fc.constant(Date.parse('1971-01-25T11:20:12.913Z'))), (moment) => {
        for (const clock of [FILE_CLOCK, eventClock('2024-01-09', '2024-01-09')]) {
          const found = timeOfText(clock, new Date(moment).toISOString())
          // Like the engine, which rounds to milliseconds.
          expect(Math.round(clockMs(clock, found ?? Number.NaN))).toBe(moment)
        }
      }),
    )
  })
})
