import { z } from 'zod'
import { defineReport } from './definition.ts'
import {
  listOption,
  optionalExpressionOption,
  type ReportUnit,
  stepOption,
  switchOption,
  unitOption,
} from './options.ts'
import type { ReportStep } from './steps.ts'

/** What the report `sessions` takes. Defaults are Mixpanel's. */
export interface SessionsOptions {
  readonly unit?: ReportUnit | undefined
  readonly sessionBy?: 'timeout' | 'property' | 'event' | undefined
  /** How many minutes without events end a session. Default: 30. */
  readonly sessionMinutes?: number | undefined
  /** A column or expression of SQL, for sessions by `property`. */
  readonly sessionProperty?: string | undefined
  /** The events that begin and end sessions by `event`. */
  readonly start?: string | ReportStep | undefined
  readonly end?: string | ReportStep | undefined
  /** Whether a session goes on after midnight. */
  readonly acrossMidnight?: boolean | undefined
  /** Names of events that are excluded from sessions in Mixpanel. */
  readonly excludedEvents?: readonly string[] | undefined
  /** Whether events count that Mixpanel excludes itself, such as `$identify`. */
  readonly systemEvents?: boolean | undefined
}

/** `mixload report sessions`. */
export const sessions = defineReport({
  describe: 'Sessions of each period, and how long they are',
  options: {
    unit: unitOption,
    sessionBy: {
      schema: z.enum(['timeout', 'property', 'event']).default('timeout'),
      describe: 'What ends a session: timeout, property or event',
      form: 'text',
      default: 'timeout',
    },
    sessionMinutes: {
      schema: z.coerce.number<number | string>().min(0).default(30),
      describe: 'How many minutes without events end a session',
      form: 'text',
      default: '30',
    },
    sessionProperty: optionalExpressionOption('Column whose value is the same in a session'),
    start: stepOption('Event that begins a session, as a step', 'session-start'),
    end: stepOption('Event that ends a session, as a step', 'session-end'),
    acrossMidnight: switchOption('Let sessions go on after midnight'),
    excludedEvents: {
      ...listOption(z.string().min(1), 'Event that is in no session; can be repeated'),
      flag: 'excluded-event',
    },
    systemEvents: switchOption('Count events in sessions that Mixpanel excludes, such as $identify'),
  },
  columns: [...['period_start', 'sessions', 'people', 'sessions_per_person', 'events_per_session'], 'average_seconds'],
  chart: { labels: ['period_start'], value: 'sessions' },
  call(options, { firstDay, lastDay, timezone }) {
    const { unit, sessionBy, sessionMinutes, sessionProperty, start, end } = options
    const { acrossMidnight, excludedEvents, systemEvents } = options
    return {
      macro: 'session_counts',
      values: {
        ...{ timezone, first_day: firstDay, last_day: lastDay, unit, session_by: sessionBy },
        ...{ timeout_minutes: sessionMinutes, property: sessionProperty, start, end },
        ...{
          resets_at_midnight: !acrossMidnight,
          excluded_events: excludedEvents ?? [],
          with_system_events: systemEvents,
        },
      },
      // A session that goes on after midnight can have begun, and end, on any day.
      daysBefore: acrossMidnight ? Number.POSITIVE_INFINITY : 0,
      daysAfter: acrossMidnight ? Number.POSITIVE_INFINITY : 0,
    }
  },
})
