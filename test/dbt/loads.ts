/** What a project's export has on the three days when it is requested. */
import type { Line } from './truth.ts'

export const FIRST_DAY = '2026-03-02'
export const LAST_DAY = '2026-04-10'
const START = Date.parse(`${FIRST_DAY}T00:00:00Z`)
export const HOUR = 3_600_000

/** The same lines each time: people who come back every few days, often within an hour. */
export function firstLoad(): readonly Line[] {
  let state = 7
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  const lines = Array.from({ length: 600 }, (_, at): Line => {
    const time = START + random(35) * 24 * HOUR + random(6) * HOUR + random(100) * 60_000
    return {
      event: ['View', 'Buy', 'Share'][random(3)] ?? '',
      properties: {
        time,
        distinct_id: `p${random(25)}`,
        ...(at % 20 === 0 ? {} : { $insert_id: `i${at}` }),
        mp_processing_time_ms: time + 1000 + random(5000),
        plan: at % 3 === 0 ? 'pro' : at % 3 === 1 ? 7 : true,
        amount: at % 10 === 0 ? '12.50' : at % 11 === 0 ? 'much' : at / 8,
        'Größe ~/"\'$.[0]': at,
        ...(at % 2 === 0 ? { $browser: 'Firefox', late_property: `late ${at}` } : {}),
      },
    }
  })
  return [
    ...lines,
    // As Mixpanel received them twice: the one processed last counts, wherever it is.
    ...lines.slice(0, 30).map((line, at) => copy(line, { mp_processing_time_ms: START - 1000 + at, copied: at })),
    ...lines.slice(30, 60).map((line, at) => copy(line, { mp_processing_time_ms: START + 1e10 + at, copied: at })),
    { event: 'Nobody', properties: { time: START + HOUR, $insert_id: 'nobody' } },
    { event: 'Never', properties: { distinct_id: 'p1', $insert_id: 'never' } },
  ]
}

function copy({ event, properties }: Line, changes: Readonly<Record<string, unknown>>): Line {
  return { event, properties: { ...properties, ...changes } }
}

function moved(line: Line, person: string): Line {
  const { distinct_id, $distinct_id_before_identity: before } = line.properties
  return copy(line, { distinct_id: person, $distinct_id_before_identity: before ?? distinct_id })
}

/**
 * What the days have when they are read again: a year-old event, people that became one, a clock of
 * the year 2090.
 */
export function secondLoad(first: readonly Line[]): readonly Line[] {
  const late = (time: number, id: string): Line => ({
    event: 'View',
    properties: { time, distinct_id: 'p3', $insert_id: id, mp_processing_time_ms: START + 2e10 },
  })
  return [
    ...first.map((line) => (line.properties.distinct_id === 'p5' ? moved(line, 'p6') : line)),
    late(START - 400 * 24 * HOUR, 'year-old'),
    late(START + 36 * 24 * HOUR, 'new'),
    late(Date.parse('2090-01-01T00:00:00Z'), 'future'),
  ]
}

/**
 * After the event of 2090 there are others; a chain of merges; a row that Mixpanel had processed
 * before.
 */
export function thirdLoad(second: readonly Line[]): readonly Line[] {
  return [
    ...second.filter(({ properties }) => properties.distinct_id === 'p6').map((line) => moved(line, 'p7')),
    ...second.slice(100, 120).map((line, at) => copy(line, { mp_processing_time_ms: at, outdated: true })),
    {
      event: 'Buy',
      properties: { time: START + 37 * 24 * HOUR, distinct_id: 'p9', $insert_id: 'after', mp_processing_time_ms: 5 },
    },
  ]
}
