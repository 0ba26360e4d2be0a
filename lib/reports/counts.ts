/** Reports that count people or amounts per period. */
import { z } from 'zod'
import { defineReport, type ReportDays } from './definition.ts'
import {
  eventOption,
  expressionOption,
  optionalUnitOption,
  type ReportUnit,
  stepOption,
  switchOption,
  unitOption,
} from './options.ts'
import type { ReportStep } from './steps.ts'

/** What several reports of counts take. */
export interface CountOptions {
  /** The event that counts; any by default. */
  readonly event?: string | ReportStep | undefined
  readonly unit?: ReportUnit | undefined
}

/** What the report `users` takes. Defaults are Mixpanel's. */
export interface UsersOptions extends CountOptions {
  /** People of the period, or of the 1, 7 or 30 days up to its end. Default: `unique`. */
  readonly measure?: 'unique' | 'dau' | 'wau' | 'mau' | undefined
}

/** What the report `frequency` takes. Defaults are Mixpanel's. */
export interface FrequencyOptions extends CountOptions {
  /** Default: hours of a day, days of a week or month. */
  readonly interval?: 'hour' | 'day' | undefined
  /** Whether people count who have exactly the number of intervals. Default: at least. */
  readonly exact?: boolean | undefined
}

/** What the report `revenue` takes. */
export interface RevenueOptions extends CountOptions {
  /** A column or expression of SQL: the revenue of an event. */
  readonly amount: string
  /** The event of active users; any by default. */
  readonly active?: string | ReportStep | undefined
}

/** What the report `attribution` takes. Defaults are Mixpanel's. */
export interface AttributionOptions {
  /** A column or expression of SQL: the property of touchpoints. */
  readonly property: string
  /** The event that counts; any by default. */
  readonly event?: string | ReportStep | undefined
  /** The events that can be touchpoints; any by default. */
  readonly touchpoint?: string | ReportStep | undefined
  readonly model?: 'last_touch' | 'first_touch' | undefined
  /** Default: 30. */
  readonly lookbackDays?: number | undefined
  /** All conversions, or the first or last of each person in a period. Default: `total`. */
  readonly countBy?: 'total' | 'first' | 'last' | undefined
  /** By default, all days are one period. */
  readonly unit?: ReportUnit | undefined
}

const rangeOf = ({ firstDay, lastDay, timezone }: ReportDays) => ({
  timezone,
  first_day: firstDay,
  last_day: lastDay,
})

const DAYS_BEFORE = { unique: 0, dau: 0, wau: 6, mau: 29 }

/** `mixload report users`. */
export const users = defineReport({
  describe: 'Active users of each period',
  options: {
    event: eventOption,
    measure: {
      schema: z.enum(['unique', 'dau', 'wau', 'mau']).default('unique'),
      describe: 'Active users of the period (unique), or of the 1, 7 or 30 days up to its end (dau, wau, mau)',
      form: 'text',
      default: 'unique',
    },
    unit: unitOption,
  },
  columns: ['period_start', 'active_users'],
  chart: { labels: ['period_start'], value: 'active_users' },
  call: ({ event, measure, unit }, days) => ({
    macro: 'active_users',
    values: { ...rangeOf(days), step: event, measure, unit },
    daysBefore: DAYS_BEFORE[measure],
  }),
})

/** `mixload report frequency`. */
export const frequency = defineReport({
  describe: 'On how many hours or days people did an event',
  options: {
    event: eventOption,
    unit: unitOption,
    interval: {
      schema: z.enum(['hour', 'day']).optional(),
      describe: 'What frequency counts: hour or day',
      form: 'text',
      default: 'hour of a day, day of a week or month',
    },
    exact: switchOption('Count people with exactly the number of intervals, not at least'),
  },
  columns: ['period_start', 'intervals', 'people'],
  chart: { labels: ['period_start', 'intervals'], value: 'people' },
  call: ({ event, unit, interval, exact }, days) => ({
    macro: 'frequency',
    values: { ...rangeOf(days), step: event, unit, interval, is_cumulative: !exact },
  }),
})

/** `mixload report revenue`. */
export const revenue = defineReport({
  describe: 'Revenue of each period, per order and per user',
  options: {
    event: eventOption,
    amount: expressionOption('Column with the revenue of an event'),
    active: stepOption('Event of active users, as a step'),
    unit: unitOption,
  },
  columns: [
    ...['period_start', 'revenue', 'orders', 'paying_users', 'active_users'],
    ...['revenue_per_order', 'revenue_per_paying_user', 'revenue_per_active_user'],
  ],
  chart: { labels: ['period_start'], value: 'revenue' },
  call: ({ event, amount, active, unit }, days) => ({
    macro: 'revenue',
    values: { ...rangeOf(days), amount, step: event, active, unit },
  }),
})

/** `mixload report attribution`. */
export const attribution = defineReport({
  describe: 'What people came from before they did an event',
  options: {
    property: expressionOption('Column of touchpoints that conversions are attributed by'),
    event: eventOption,
    touchpoint: stepOption('Events that can be touchpoints, as a step'),
    model: {
      schema: z.enum(['last_touch', 'first_touch']).default('last_touch'),
      describe: 'Touchpoint that gets the credit: last_touch or first_touch',
      form: 'text',
      default: 'last_touch',
    },
    lookbackDays: {
      schema: z.coerce.number<number | string>().int().min(1).max(3650).default(30),
      describe: 'How many days before a conversion touchpoints count',
      form: 'text',
      default: '30',
    },
    countBy: {
      schema: z.enum(['total', 'first', 'last']).default('total'),
      describe: "Conversions: total, or only each person's first or last",
      form: 'text',
      default: 'total',
    },
    unit: optionalUnitOption,
  },
  columns: ['period_start', 'attributed_to', 'conversions', 'people'],
  chart: { labels: ['period_start', 'attributed_to'], value: 'conversions' },
  call: ({ property, event, touchpoint, model, lookbackDays, countBy, unit }, days) => ({
    macro: 'attribution',
    values: {
      ...{ ...rangeOf(days), property, conversion: event, touchpoint, model },
      ...{ lookback_days: lookbackDays, count_by: countBy, unit },
    },
    daysBefore: lookbackDays + 1,
  }),
})
