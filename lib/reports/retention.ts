import { z } from 'zod'
import { defineReport, type ReportCall, type ReportDays } from './definition.ts'
import { listOption, type ReportUnit, stepOption, switchOption, unitOption } from './options.ts'
import type { ReportStep } from './steps.ts'

/** What the reports `retention` and `retention-average` take. Defaults are Mixpanel's. */
export interface RetentionOptions {
  /** The first event; any by default. */
  readonly born?: string | ReportStep | undefined
  /** The event that people come back for; any by default. */
  readonly returning?: string | ReportStep | undefined
  readonly criterion?: 'on_or_after' | 'on' | 'on_or_before' | undefined
  readonly mode?: 'rolling' | 'calendar' | undefined
  readonly unit?: ReportUnit | undefined
  /** How many periods, with period 0. Default: 8. */
  readonly periods?: number | undefined
  /** The length of each period in units, instead of `periods`. */
  readonly brackets?: readonly number[] | undefined
  /** Whether only people's first event ever counts. */
  readonly firstTime?: boolean | undefined
}

const count = z.coerce.number<number | string>().int().min(1).max(1000)

const options = {
  born: stepOption('First event of people, as a step'),
  returning: stepOption('Event that people come back for, as a step', 'return'),
  criterion: {
    schema: z.enum(['on_or_after', 'on', 'on_or_before']).default('on_or_after'),
    describe: 'When people come back: on_or_after, on or on_or_before the period',
    form: 'text',
    default: 'on_or_after',
  },
  mode: {
    schema: z.enum(['rolling', 'calendar']).default('rolling'),
    describe: 'Periods of retention: rolling from the first event, or of the calendar',
    form: 'text',
    default: 'rolling',
  },
  unit: unitOption,
  periods: { schema: count.default(8), describe: 'How many periods after the first event', form: 'text', default: '8' },
  brackets: { ...listOption(count, 'Length of the next period in units; can be repeated'), flag: 'bracket' },
  firstTime: switchOption("Count only people's first event ever"),
} as const

type Values = { readonly [K in keyof typeof options]: z.infer<(typeof options)[K]['schema']> }

const UNIT_DAYS = { day: 1, week: 7, month: 31 }

function call(macro: string, values: Values, { firstDay, lastDay, timezone, completeDay }: ReportDays): ReportCall {
  const { born, returning, criterion, mode, unit, periods, brackets, firstTime } = values
  const units = brackets?.reduce((sum, length) => sum + length, 0) ?? periods
  return {
    macro,
    values: {
      ...{ timezone, born, returning, criterion, mode, unit, periods, brackets, first_time: firstTime },
      ...{ first_day: firstDay, last_day: lastDay, complete_day: completeDay },
    },
    daysBefore: firstTime ? Number.POSITIVE_INFINITY : unit === 'day' ? 0 : UNIT_DAYS[unit],
    daysAfter: criterion === 'on_or_after' ? Number.POSITIVE_INFINITY : (units + 1) * UNIT_DAYS[unit],
  }
}

/** `mixload report retention`. */
export const retention = defineReport({
  describe: 'How many people who did one event came back for another, by cohort',
  options,
  columns: ['cohort_start', 'period', 'cohort_size', 'retained', 'retention_rate', 'is_complete'],
  chart: { labels: ['cohort_start', 'period'], value: 'retained' },
  call: (values, days) => call('retention', values, days),
})

/** `mixload report retention-average`. */
export const retentionAverage = defineReport({
  describe: 'The average retention of all cohorts, weighted by their size',
  options,
  columns: ['period', 'cohorts', 'people', 'average_size', 'average_retained', 'retention_rate'],
  chart: { labels: ['period'], value: 'retention_rate' },
  call: (values, days) => call('retention_average', values, days),
})
