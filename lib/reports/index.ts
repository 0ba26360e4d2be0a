import { attribution, frequency, revenue, users } from './counts.ts'
import type { Report } from './definition.ts'
import { funnel } from './funnel.ts'
import { retention, retentionAverage } from './retention.ts'
import { sessions } from './sessions.ts'

/** The reports by the names that `mixload report` takes. */
export const REPORTS = {
  ...{ funnel, retention, 'retention-average': retentionAverage },
  ...{ attribution, users, sessions, frequency, revenue },
} as const satisfies Readonly<Record<string, Report>>

/** The name of a report. */
export type ReportName = keyof typeof REPORTS
