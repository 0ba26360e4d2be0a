/** Retention by looking at everything: the definition, without SQL. */
import { DAY_MS, dayOf, daysLater, UNIT_DAYS, type Unit, unitStart, unitsBetween, unitsLater } from './clock.ts'
import type { ReportEvent, ReportRow } from './report-warehouses.ts'
import { type DatedEvent, inRange, matches, type Range, type Step, timelines } from './worlds.ts'

export interface RetentionCase extends Range {
  readonly born: Step
  readonly returning: Step
  readonly criterion: 'on' | 'on_or_after' | 'on_or_before'
  readonly mode: 'rolling' | 'calendar'
  readonly unit: Unit
  readonly periods: number
  readonly brackets?: readonly number[] | undefined
  readonly first_time: boolean
  readonly complete_day?: string | undefined
}

export function retentionOf(
  events: readonly ReportEvent[],
  zone: string,
  request: RetentionCase,
): readonly ReportRow[] {
  const { born, returning, criterion, mode, unit, first_time, complete_day } = request
  const lengths = request.brackets ?? Array.from({ length: request.periods }, () => 1)
  const cohorts = new Map<string, number[][]>()
  for (const timeline of timelines(events).values()) {
    for (const [cohort, birth] of birthsOf(timeline, zone, request)) {
      const comings = timeline
        .filter((event) => matches(returning, event))
        .filter((event) => event.time > birth || (event.time === birth && !matches(born, event)))
        .map(({ time }) =>
          mode === 'rolling'
            ? Math.floor((time - birth) / (UNIT_DAYS[unit] * DAY_MS))
            : unitsBetween(unit, cohort, unitStart(unit, dayOf(time, zone))),
        )
      cohorts.set(cohort, [...(cohorts.get(cohort) ?? []), comings])
    }
  }
  return [...cohorts].flatMap(([cohort_start, people]) =>
    lengths.map((length, period) => {
      const first = lengths.slice(0, period).reduce((sum, each) => sum + each, 0)
      const next = first + length
      const came = {
        on: (units: number) => units >= first && units < next,
        on_or_after: (units: number) => units >= first,
        on_or_before: (units: number) => units < next,
      }[criterion]
      const retained = people.filter((comings) => comings.some(came)).length
      const end =
        mode === 'calendar'
          ? unitsLater(unit, cohort_start, next)
          : daysLater(unitsLater(unit, cohort_start, 1), next * UNIT_DAYS[unit])
      return {
        cohort_start,
        period,
        cohort_size: people.length,
        retained,
        retention_rate: retained / people.length,
        // All of the days before the end are here.
        is_complete: complete_day === undefined ? null : daysLater(end, -1) <= complete_day,
      }
    }),
  )

  function birthsOf(timeline: readonly DatedEvent[], zone: string, range: Range): ReadonlyMap<string, number> {
    const first = timeline.find((event) => matches(born.event === undefined ? {} : { event: born.event }, event))?.time
    const births = new Map<string, number>()
    for (const event of timeline) {
      const day = dayOf(event.time, zone)
      if (!matches(born, event) || !inRange(day, range) || (first_time && event.time !== first)) continue
      const cohort = unitStart(unit, day)
      births.set(cohort, Math.min(event.time, births.get(cohort) ?? event.time))
    }
    return births
  }
}

/** The averages over these rows, weighted by the size of the cohorts. */
export function averagesOf(rows: readonly ReportRow[]): readonly ReportRow[] {
  const complete = rows.filter(({ is_complete }) => is_complete !== false)
  return [...Map.groupBy(complete, ({ period }) => period)].map(([period = null, cohorts]) => {
    const sum = (value: (row: ReportRow) => number) => cohorts.reduce((total, row) => total + value(row), 0)
    const people = sum(({ cohort_size }) => Number(cohort_size))
    const size = sum(({ cohort_size }) => Number(cohort_size) ** 2) / people
    const retained = sum(({ cohort_size, retained }) => Number(cohort_size) * Number(retained)) / people
    const averages = { average_size: size, average_retained: retained, retention_rate: retained / size }
    return { period, cohorts: cohorts.length, people, ...averages }
  })
}
