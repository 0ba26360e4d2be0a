import type { z } from 'zod'
import type { Day } from '../time/days.ts'
import type { MacroValue } from './macros.ts'

/** An option of a report, which is also a flag of `mixload report`. */
export interface ReportOption<Value extends z.ZodType = z.ZodType> {
  readonly schema: Value
  readonly describe: string
  /** How a command line gives it: once, as often as wanted, or by its name alone. */
  readonly form: 'text' | 'list' | 'switch'
  /** The flag, if it is not the option's own name. */
  readonly flag?: string
  /** The default that help shows. */
  readonly default?: string
}

/** The days of a report and the time zone that they are of. */
export interface ReportDays {
  readonly firstDay: Day
  readonly lastDay: Day
  readonly timezone: string
  /** The last day of which all events are loaded; undefined if there is none. */
  readonly completeDay: Day | undefined
}

/** The macro of a report with its arguments, and how many days it reads around its own. */
export interface ReportCall {
  readonly macro: string
  readonly values: Readonly<Record<string, MacroValue>>
  /** Default: 0. Infinity for all earlier events. */
  readonly daysBefore?: number
  /** Default: 0. Infinity for all later events. */
  readonly daysAfter?: number
}

/** A report: a macro of `sql/dbt/macros/reports/` with typed options. */
export interface Report {
  readonly describe: string
  readonly options: Readonly<Record<string, ReportOption>>
  /** The columns of its rows. */
  readonly columns: readonly string[]
  /** What a chart shows: a bar for each row. */
  readonly chart: { readonly labels: readonly string[]; readonly value: string }
  /** The call for options that were validated. */
  call(options: Readonly<Record<string, unknown>>, days: ReportDays): ReportCall
}

type ValuesOf<O extends Readonly<Record<string, ReportOption>>> = { readonly [K in keyof O]: z.infer<O[K]['schema']> }

/** A report whose call takes its options with their types. */
export function defineReport<const O extends Readonly<Record<string, ReportOption>>>(
  report: Omit<Report, 'options' | 'call'> & {
    readonly options: O
    call(options: ValuesOf<O>, days: ReportDays): ReportCall
  },
): Report {
  return { ...report, call: (options, days) => report.call(options as ValuesOf<O>, days) }
}
