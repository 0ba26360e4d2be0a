import type { Report } from './definition.ts'
import { funnel } from './funnel.ts'

/** The reports by the names that `mixload report` takes. */
export const REPORTS = { funnel } as const satisfies Readonly<Record<string, Report>>

/** The name of a report. */
export type ReportName = keyof typeof REPORTS
