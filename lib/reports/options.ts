/** Options that several reports have. */
import { z } from 'zod'
import type { ReportOption } from './definition.ts'
import { stepSchema } from './steps.ts'

/** Periods of the calendar. Weeks begin on Monday. */
export type ReportUnit = 'day' | 'week' | 'month'

const unit = z.enum(['day', 'week', 'month'])
const text = z.string().min(1)

/** The length of the periods that a report counts. */
export const unitOption = {
  schema: unit.default('day'),
  describe: 'Length of the periods: day, week or month',
  form: 'text',
  default: 'day',
} as const satisfies ReportOption

/** As {@link unitOption}, or none for all days as one period. */
export const optionalUnitOption = { ...unitOption, schema: unit.optional() } as const satisfies ReportOption

/** The event that a report counts. */
export const eventOption = stepOption('Event that is counted, as a step')

/** An event as a step; any event by default. */
export function stepOption<const Flag extends string>(describe: string, flag?: Flag) {
  const given = flag === undefined ? {} : { flag }
  return { schema: stepSchema({}).default({}), describe, form: 'text', default: 'any event', ...given } as const
}

/** An option that is on or off. */
export function switchOption(describe: string) {
  return { schema: z.boolean().default(false), describe, form: 'switch' } as const satisfies ReportOption
}

/** A column or expression of SQL. */
export function expressionOption(describe: string) {
  return { schema: text, describe, form: 'text' } as const satisfies ReportOption
}

/** As {@link expressionOption}, but it can be left out. */
export function optionalExpressionOption(describe: string) {
  return { schema: text.optional(), describe, form: 'text' } as const satisfies ReportOption
}

/** A list of texts, or of numbers as texts. */
export function listOption<const Item extends z.ZodType>(item: Item, describe: string) {
  const schema = z.preprocess((value) => (Array.isArray(value) || value === undefined ? value : [value]), z.array(item))
  return { schema: schema.optional(), describe, form: 'list' } as const satisfies ReportOption
}
