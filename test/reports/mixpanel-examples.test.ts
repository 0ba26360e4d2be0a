/**
 * The worked examples of Mixpanel's documentation, as data. They are on the pages Sessions,
 * Retention, Insights, Computed Properties and the Query API of docs.mixpanel.com, and on
 * "Interpret a Retention Report" of its help centre and "Visitor retention" of its blog.
 */
import { describe, expect, it } from 'vitest'
import type { MacroValue } from '../../lib/reports/macros.ts'
import { ordered, type ReportEvent, type ReportRow, WAREHOUSES } from './report-warehouses.ts'

const ZONE = 'America/Los_Angeles'
/** Half a year without a clock change in the zone. */
const OFFSET = '-08:00'

let ids = 0
function event(local: string, name: string, plan: string | null = null, person = 'jack'): ReportEvent {
  const time = Date.parse(`${local.replace(' ', 'T')}${OFFSET}`)
  return {
    event_id: `e${String(++ids).padStart(6, '0')}`,
    event_name: name,
    person_id: person,
    time,
    plan,
    amount: null,
  }
}

const local = (value: unknown) =>
  value === null ? null : new Date(Date.parse(String(value)) - 8 * 3_600_000).toISOString().slice(11, 16)

for (const [name, newWarehouse] of Object.entries(WAREHOUSES)) {
  const report = async (
    macro: string,
    events: readonly ReportEvent[],
    values: Readonly<Record<string, MacroValue>>,
  ) => {
    await using warehouse = await newWarehouse()
    return await warehouse.report(macro, events, { timezone: ZONE, ...values })
  }

  /** Start, end, minutes and events of each session. */
  const sessions = async (events: readonly ReportEvent[], values: Readonly<Record<string, MacroValue>> = {}) =>
    (await report('sessions', events, values))
      .toSorted((a, b) => Number(a.session_number) - Number(b.session_number))
      .map(({ started_at, ended_at, duration_seconds, event_count }) => [
        ...[local(started_at), local(ended_at)],
        duration_seconds === null ? null : Number(duration_seconds) / 60,
        event_count,
      ])

  /** The people who were retained in each period of the one cohort. */
  const retained = async (events: readonly ReportEvent[], values: Readonly<Record<string, MacroValue>>) =>
    (await report('retention', events, { criterion: 'on', periods: 3, ...values }))
      .toSorted((a, b) => Number(a.period) - Number(b.period))
      .map((row) => row.retained)

  describe(`Mixpanel's examples in ${name}`, () => {
    it('of a session timeout of 15 minutes', async () => {
      const day = [event('2025-01-15 10:00', 'Log In'), event('2025-01-15 10:14', 'Start Game')]
      const later = event('2025-01-15 10:30', 'Return')
      expect(await sessions([...day, later], { timeout_minutes: 15 })).toEqual([
        ['10:00', '10:14', 14, 2],
        ['10:30', '10:30', 0, 1],
      ])
    })

    it('of sessions by timeout', async () => {
      const times = { A: '13:00', B: '13:10', C: '13:50', D: '14:10', E: '14:25' }
      const first = Object.entries(times).map(([name, time]) => event(`2025-01-15 ${time}`, name))
      expect(await sessions(first)).toEqual([
        ['13:00', '13:10', 10, 2],
        ['13:50', '14:25', 35, 3],
      ])
      const second = [
        ...[event('2025-01-15 23:30', 'A'), event('2025-01-15 23:50', 'B')],
        ...[event('2025-01-16 00:05', 'C'), event('2025-01-16 00:10', 'D')],
      ]
      expect(await sessions(second)).toEqual([
        ['23:30', '23:50', 20, 2],
        ['00:05', '00:10', 5, 2],
      ])
    })

    it('of sessions by events', async () => {
      const by = { session_by: 'event', start: { event: 'Login' }, end: { event: 'Logout' } }
      const first = [event('2025-01-15 23:15', 'Login'), event('2025-01-15 23:45', 'B')]
      expect(await sessions([...first, event('2025-01-16 00:15', 'Logout')], by)).toEqual([['23:15', null, null, 2]])
      const second = [
        ...[event('2025-01-15 11:00', 'Login'), event('2025-01-15 11:15', 'Login')],
        ...[event('2025-01-15 11:45', 'Logout'), event('2025-01-15 12:15', 'Logout')],
      ]
      expect(await sessions(second, by)).toEqual([['11:00', '11:45', 45, 3]])
    })

    it('of sessions by a property', async () => {
      const by = { session_by: 'property', property: 'plan' }
      const first = [
        ...[event('2025-01-15 23:15', 'A', '456'), event('2025-01-15 23:45', 'B', '456')],
        ...[event('2025-01-16 00:15', 'C', '456'), event('2025-01-16 00:30', 'D', '456')],
      ]
      expect(await sessions(first, by)).toEqual([
        ['23:15', '23:45', 30, 2],
        ['00:15', '00:30', 15, 2],
      ])
      const second = [
        ...[event('2025-01-15 11:00', 'A', '123'), event('2025-01-15 11:15', 'B', '456')],
        ...[event('2025-01-15 11:45', 'C', '456'), event('2025-01-15 12:15', 'D', '456')],
      ]
      expect(await sessions(second, by)).toEqual([
        ['11:00', '11:00', 0, 1],
        ['11:15', '12:15', 60, 3],
      ])
    })

    it('of the limits of rolling periods', async () => {
      const tuesday = (back: string) => [event('2025-01-14 15:00', 'A'), event(back, 'B')]
      const of = { born: { event: 'A' }, returning: { event: 'B' } }
      expect(await retained(tuesday('2025-01-15 14:59'), of)).toEqual([1, 0, 0])
      expect(await retained(tuesday('2025-01-15 15:00'), of)).toEqual([0, 1, 0])
      expect(await retained(tuesday('2025-01-16 14:59'), of)).toEqual([0, 1, 0])
      expect(await retained(tuesday('2025-01-16 15:00'), of)).toEqual([0, 0, 1])
      expect(await retained(tuesday('2025-01-21 15:00'), { ...of, unit: 'week' })).toEqual([0, 1, 0])
      expect(await retained(tuesday('2025-01-28 14:59'), { ...of, unit: 'week' })).toEqual([0, 1, 0])
      expect(await retained(tuesday('2025-02-13 15:00'), { ...of, unit: 'month' })).toEqual([0, 1, 0])
      expect(await retained(tuesday('2025-03-08 14:59'), { ...of, unit: 'month' })).toEqual([0, 1, 0])
    })

    it('of periods of the calendar, none of which is a rolling one', async () => {
      const of = { born: { event: 'A' }, returning: { event: 'B' } }
      const cases = {
        day: [event('2025-01-13 20:00', 'A'), event('2025-01-14 06:00', 'B')],
        week: [event('2025-01-17 12:00', 'A'), event('2025-01-20 12:00', 'B')],
        month: [event('2025-02-25 12:00', 'A'), event('2025-03-03 12:00', 'B')],
      }
      for (const [unit, events] of Object.entries(cases)) {
        expect(await retained(events, { ...of, unit, mode: 'calendar' })).toEqual([0, 1, 0])
        expect(await retained(events, { ...of, unit })).toEqual([1, 0, 0])
      }
    })

    it('of a purchase in every week, in the cohort of each', async () => {
      const weeks = ['2025-01-06', '2025-01-13', '2025-01-20'].map((day) => event(`${day} 12:00`, 'Item Purchased'))
      const rows = await report('retention', weeks, { unit: 'week', periods: 1, born: { event: 'Item Purchased' } })
      expect(rows.map(({ cohort_start, cohort_size }) => [cohort_start, cohort_size])).toEqual([
        ['2025-01-06', 1],
        ['2025-01-13', 1],
        ['2025-01-20', 1],
      ])
    })

    it('of retention by birth and compounded', async () => {
      const day = (date: string, people: readonly number[]) =>
        people.map((person) => event(`${date} 12:00`, 'Visit', null, `p${person}`))
      const to = (first: number, last: number) => Array.from({ length: last - first }, (_, at) => first + at)
      // 10 people; 20 with 5 of them; 15, of whom 7 came only the day before, 2 only on the first.
      const events = [
        ...day('2025-01-13', to(0, 10)),
        ...day('2025-01-14', [...to(0, 5), ...to(10, 25)]),
        ...day('2025-01-15', [...to(10, 17), ...to(5, 7), ...to(25, 31)]),
      ]
      const of = {
        criterion: 'on',
        mode: 'calendar',
        periods: 2,
        born: { event: 'Visit' },
        returning: { event: 'Visit' },
      }
      const sizes = (rows: readonly ReportRow[]) =>
        rows.filter(({ period }) => period === 1).map(({ cohort_size, retained }) => [cohort_size, retained])
      expect(sizes(await report('retention', events, { ...of, first_time: true }))).toEqual([
        [10, 5],
        [15, 7],
        [6, 0],
      ])
      expect(sizes(await report('retention', events, of))).toEqual([
        [10, 5],
        [20, 7],
        [15, 0],
      ])
    })

    it('of the weighted average', async () => {
      const cohorts = [
        ['2025-03-01', 1000, 500],
        ['2025-03-02', 500, 400],
        ['2025-03-03', 700, 10],
      ] as const
      const events = cohorts.flatMap(([day, size, retained]) =>
        Array.from({ length: size }, (_, at) => {
          const born = event(`${day} 10:00`, 'A', null, `${day} ${at}`)
          const back = { ...event(`${day} 10:00`, 'B', null, `${day} ${at}`), time: Number(born.time) + 30 * 3_600_000 }
          return at < retained ? [born, back] : [born]
        }).flat(),
      )
      const of = { born: { event: 'A' }, returning: { event: 'B' }, criterion: 'on', periods: 2 }
      // On 2025-03-05, the period of the last cohort is not over.
      const [, average] = await report('retention_average', events, { ...of, complete_day: '2025-03-04' })
      expect(average).toEqual({
        ...{ period: 1, cohorts: 2, people: 1500 },
        ...{ average_size: 833.333333333, average_retained: 466.666666667, retention_rate: 0.56 },
      })
    })

    it('of the days that weekly and monthly active users look back', async () => {
      const active = async (watched: readonly string[], values: Readonly<Record<string, MacroValue>>) => {
        const events = watched.map((day) => event(`${day} 12:00`, 'Watch', null, day))
        const rows = await report('active_users', events, values)
        return rows.at(-1)
      }
      const range = { first_day: '2023-07-05', last_day: '2023-12-31' }
      expect(
        await active(['2023-12-01', '2023-12-02', '2023-12-31'], { measure: 'mau', unit: 'month', ...range }),
      ).toEqual({
        ...{ period_start: '2023-12-01', active_users: 2 },
      })
      expect(
        await active(['2023-10-02', '2023-10-03', '2023-11-01', '2023-11-02'], {
          measure: 'mau',
          last_day: '2023-11-01',
        }),
      ).toEqual({
        ...{ period_start: '2023-11-01', active_users: 2 },
      })
      expect(
        await active(['2023-11-03', '2023-11-04', '2023-12-03'], {
          measure: 'mau',
          unit: 'week',
          last_day: '2023-12-03',
        }),
      ).toEqual({
        ...{ period_start: '2023-11-27', active_users: 2 },
      })
      expect(
        await active(['2024-01-18', '2024-01-19', '2024-01-25'], { measure: 'wau', last_day: '2024-01-25' }),
      ).toEqual({
        ...{ period_start: '2024-01-25', active_users: 2 },
      })
    })

    it('of frequency, as the Query API answers it', async () => {
      const answer = [305, 107, 60, 41, 32, 20, 12, 7, 4, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1]
      const events = answer.flatMap((people, hour) =>
        Array.from({ length: people }, (_, person) =>
          event(`2012-01-01 ${String(hour).padStart(2, '0')}:30`, 'Viewed report', null, `p${person}`),
        ),
      )
      const rows = await report('frequency', events, { step: { event: 'Viewed report' } })
      expect(rows.toSorted((a, b) => Number(a.intervals) - Number(b.intervals)).map(({ people }) => people)).toEqual(
        answer,
      )
    })

    it('of attribution', async () => {
      const of = { property: 'plan', conversion: { event: 'Purchase' } }
      const values = async (events: readonly ReportEvent[], more: Readonly<Record<string, MacroValue>>) =>
        (await report('attribution', events, { ...of, ...more })).map((row) => [row.attributed_to, row.conversions])
      const journey = [
        ...[event('2025-01-10 10:00', 'Ad', 'Facebook'), event('2025-01-10 10:01', 'Add to Cart')],
        ...[event('2025-01-12 10:00', 'Ad', 'Instagram'), event('2025-01-12 10:05', 'Purchase')],
      ]
      expect(await values(journey, {})).toEqual([['Instagram', 1]])
      expect(await values(journey, { model: 'first_touch' })).toEqual([['Facebook', 1]])
      // Three purchases of one person: the last qualifying, or the first.
      const jack = ['2024-12-01', '2024-12-07', '2024-12-10'].map((day, at) =>
        event(`${day} 12:00`, 'Purchase', at === 2 ? 'Facebook' : 'Instagram'),
      )
      expect(await values(jack, { count_by: 'last' })).toEqual([['Facebook', 1]])
      expect(await values(jack, { count_by: 'first' })).toEqual([['Instagram', 1]])
      const visits = [
        ...[event('2025-01-10 10:00', 'Visit', 'Google', 'a'), event('2025-01-15 10:00', 'Purchase', 'LinkedIn', 'a')],
        ...[event('2025-01-12 10:00', 'Visit', 'Facebook', 'b'), event('2025-01-18 10:00', 'Purchase', 'Direct', 'b')],
        event('2025-01-20 10:00', 'Purchase', 'Google', 'c'),
      ]
      expect(ordered((await values(visits, {})).map((row) => ({ ...row })))).toEqual(
        ['Direct', 'Google', 'LinkedIn'].map((channel) => ({ 0: channel, 1: 1 })),
      )
    })

    it('of the 30 days in which a touchpoint counts', async () => {
      const conversion = event('2025-01-31 12:00', 'Purchase')
      const of = { property: 'plan', conversion: { event: 'Purchase' } }
      const attributed = async (visit: string) =>
        (await report('attribution', [event(visit, 'Visit', 'ad'), conversion], of)).map((row) => row.attributed_to)
      expect(await attributed('2025-01-01 12:00')).toEqual(['ad'])
      expect(await attributed('2025-01-01 11:59')).toEqual([null])
    })
  })
}
