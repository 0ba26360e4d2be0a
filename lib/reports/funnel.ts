import { z } from 'zod'
import { MixloadError } from '../core/errors.ts'
import { defineReport } from './definition.ts'
import { type ReportStep, stepSchema } from './steps.ts'

/** What the report `funnel` takes. Defaults are Mixpanel's; docs/reports.md explains each. */
export interface FunnelOptions {
  /** Two or more: names of events, or objects. */
  readonly steps: readonly (string | FunnelStep)[]
  readonly count?: 'uniques' | 'totals' | 'sessions' | undefined
  /** Such as `7 days`, the default, or `1 session`. */
  readonly window?: string | undefined
  readonly order?: 'specific' | 'any' | undefined
  /** Columns or expressions whose value all steps of an attempt share. */
  readonly hold?: readonly string[] | undefined
  /** Events that end an attempt. */
  readonly exclude?: readonly (string | FunnelExclusion)[] | undefined
  readonly optimizedReentry?: boolean | undefined
  /** How many seconds too early the event of a step may be. Default: 2. */
  readonly graceSeconds?: number | undefined
  /** How many minutes without events end a session. Default: 30. */
  readonly sessionMinutes?: number | undefined
}

/** A step of a funnel. */
export interface FunnelStep extends ReportStep {
  /** Whether it keeps its place when the order is `any`. */
  readonly anchored?: boolean | undefined
}

/** Events that end an attempt between two steps, by their numbers; between all if left out. */
export interface FunnelExclusion extends ReportStep {
  readonly after?: number | undefined
  readonly before?: number | undefined
}

const WINDOW = /^([1-9]\d{0,5}) ?(second|minute|hour|day|week|month|session)s?$/
const UNIT_DAYS = { second: 1 / 86_400, minute: 1 / 1440, hour: 1 / 24, day: 1, week: 7, month: 30 }
/** The longest conversion window, as in Mixpanel. */
const WINDOW_DAYS_MAX = 366
const DAY_SECONDS = 86_400
const number = (max: number) => z.coerce.number<number | string>().min(0).max(max)
const list = <const Item extends z.ZodType>(item: Item) =>
  z.preprocess((value) => (Array.isArray(value) || value === undefined ? value : [value]), z.array(item))
const stepNumber = z.int().min(1).optional()

/** `mixload report funnel`. */
export const funnel = defineReport({
  describe: 'How many people do one step after the other',
  options: {
    steps: {
      schema: list(stepSchema({ anchored: z.boolean().optional() })).refine(
        (steps) => steps.length >= 2,
        'must be at least two',
      ),
      describe: 'EVENT, "EVENT where CONDITION" or JSON; once for each step',
      form: 'list',
      flag: 'step',
    },
    count: {
      schema: z.enum(['uniques', 'totals', 'sessions']).default('uniques'),
      describe: 'What is counted: uniques (people), totals or sessions',
      form: 'text',
      default: 'uniques',
    },
    window: {
      schema: z
        .string()
        .regex(WINDOW, 'must be a conversion window such as 7 days or 1 session')

        .refine(
          (text) => isSessions(text) || windowOf(text).days <= WINDOW_DAYS_MAX,
          `must be at most ${WINDOW_DAYS_MAX} days`,
        )
        .optional(),
      describe: 'Conversion window, such as "7 days", "30 minutes" or "1 session"',
      form: 'text',
      default: '7 days; 1 session if sessions are counted',
    },
    order: {
      schema: z.enum(['specific', 'any']).default('specific'),
      describe: 'Order of the steps: specific or any',
      form: 'text',
      default: 'specific',
    },
    hold: {
      schema: list(z.string().min(1)).default([]),
      describe: 'Column whose value all steps of an attempt share; can be repeated',
      form: 'list',
    },
    exclude: {
      schema: list(stepSchema({ after: stepNumber, before: stepNumber })).default([]),
      describe: 'Event that ends an attempt, as a step; can be repeated',
      form: 'list',
    },
    optimizedReentry: {
      schema: z.boolean().default(false),
      describe: 'Count the attempts that get furthest instead of the first ones',
      form: 'switch',
    },
    graceSeconds: {
      schema: number(DAY_SECONDS).default(2),
      describe: 'How many seconds too early the event of a step may be',
      form: 'text',
      default: '2',
    },
    sessionMinutes: {
      schema: number(DAY_SECONDS / 60).default(30),
      describe: 'How many minutes without events end a session',
      form: 'text',
      default: '30',
    },
  },
  columns: [
    ...['step_number', 'step_name', 'reached', 'conversion_rate', 'step_conversion_rate'],
    ...['seconds_from_previous', 'seconds_from_start'],
  ],
  chart: { labels: ['step_number', 'step_name'], value: 'reached' },
  call(options, { firstDay, lastDay, timezone }) {
    const { steps, count, order, hold, exclude, optimizedReentry, graceSeconds, sessionMinutes } = options
    const { length, unit, days } = windowOf(options.window ?? (count === 'sessions' ? '1 session' : '7 days'))
    for (const { after = 1, before = steps.length } of exclude) {
      if (after < before && before <= steps.length) continue
      const message = `An excluded event must be between two of the ${steps.length} steps, not after ${after} and before ${before}.`
      throw new MixloadError('CONFIG_INVALID', message)
    }
    return {
      macro: 'funnel',
      values: {
        ...{
          steps,
          timezone,
          first_day: firstDay,
          last_day: lastDay,
          count,
          window: length,
          window_unit: unit,
        },
        ...{ order, hold, exclusions: exclude, optimized_reentry: optimizedReentry },
        ...{ grace_seconds: graceSeconds, session_minutes: sessionMinutes },
      },
      // The event of a step may be too early by the time of grace for each step before.
      daysBefore: Math.ceil((graceSeconds * steps.length) / DAY_SECONDS),
      // A session ends at midnight.
      daysAfter: count === 'sessions' ? 0 : Math.ceil(days),
    }
  },
})

/** Whether a conversion window is a number of sessions, which may be any number of days apart. */
function isSessions(text: string): boolean {
  return windowOf(text).unit === 'session'
}

/** The parts of a conversion window. */
function windowOf(text: string): { readonly length: number; readonly unit: string; readonly days: number } {
  const [, count, unit = ''] = WINDOW.exec(text) ?? []
  const length = Number(count)
  return { length, unit, days: length * (UNIT_DAYS[unit as keyof typeof UNIT_DAYS] ?? Number.POSITIVE_INFINITY) }
}
