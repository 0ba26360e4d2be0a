import { z } from 'zod'
import { MixloadError } from '../core/errors.ts'
import { didYouMean } from '../core/nearest.ts'
import { WHOLE } from '../destination/selection.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { dayClock, daysToRead } from '../run/project.ts'
import { openWarehouse, type Session } from '../run/session.ts'
import { completeTo } from '../run/whole-days.ts'
import type { Settings } from '../settings.ts'
import { exportStream } from '../streams/export.ts'
import { addDays, type Day, dayInZone } from '../time/days.ts'
import type { Report, ReportDays } from './definition.ts'
import { REPORTS, type ReportName } from './index.ts'
import { renderMacro } from './macros.ts'
import { reportEvents } from './report-events.ts'

/** How many days a report has by default. */
const DAYS = 30
/** Before all events. */
const FIRST_DAY: Day = '1970-01-02'
/** The last day that every warehouse has, less a day. */
const LAST_DAY: Day = '9999-12-29'

/** A value in a row of a report. */
export type ReportValue = string | number | boolean | null

/** The result of a report. */
export interface ReportResult {
  readonly columns: readonly string[]
  readonly rows: readonly Readonly<Record<string, ReportValue>>[]
  /** The query, in the warehouse's SQL. */
  readonly sql: string
}

/**
 * Runs a report on the events of the warehouse. `options` are those of the report, not validated.
 * Events named in `hidden` are left out. With `onlySql`, the query is made but not run.
 * @throws MixloadError CONFIG_INVALID if an option is not valid, or no events are loaded.
 */
export async function runReport(
  session: Session,
  name: ReportName,
  options: Readonly<Record<string, unknown>>,
  {
    hidden,
    onlySql = false,
  }: { readonly hidden?: readonly string[] | undefined; readonly onlySql?: boolean | undefined } = {},
): Promise<ReportResult> {
  const report = REPORTS[name]
  const values = validated(name, report, options)
  await using warehouse = await openWarehouse(session, 'read')
  const { destination } = warehouse
  if (!destination.capabilities.queries) {
    throw new MixloadError(
      'CONFIG_INVALID',
      `${destination.description} has no reports, because it cannot run queries. Use another --destination.`,
    )
  }
  const columns = await destination.columns('export')
  if (columns.length === 0) {
    throw new MixloadError(
      'CONFIG_INVALID',
      `${destination.description} has no events yet. Run mixload backfill first.`,
    )
  }
  const days = await reportDays(session.settings, destination)
  const { macro, values: given, daysBefore = 0, daysAfter = 0 } = report.call(values, days)
  const events = reportEvents(destination.capabilities, (view) => destination.pathInViews(view), columns, {
    firstDay: daysBefore === Number.POSITIVE_INFINITY ? FIRST_DAY : addDays(days.firstDay, -daysBefore),
    lastDay: daysAfter === Number.POSITIVE_INFINITY ? LAST_DAY : addDays(days.lastDay, daysAfter),
    hidden,
  })
  const sql = renderMacro(destination.capabilities.dialect, macro, { events, ...given })
  const rows: Readonly<Record<string, ReportValue>>[] = []
  if (!onlySql) {
    await destination.query(
      sql,
      (texts) => {
        for (const text of texts) rows.push(JSON.parse(text) as Record<string, ReportValue>)
      },
      session.signal,
    )
  }
  return { columns: report.columns, rows, sql }
}

/** The days of the settings, by default the last 30 whole ones, in the project's time zone. */
async function reportDays(settings: Settings, destination: Warehouse): Promise<ReportDays> {
  const ledger = await destination.ledger(exportStream(settings).name)
  const last = ledger.findLast(({ source }) => source?.timezone !== undefined)
  const clock = dayClock(settings.timezone ?? last?.source?.timezone ?? 'UTC', settings)
  const { zone } = clock
  const { last: lastDay, from: firstDay = addDays(lastDay, 1 - DAYS) } = daysToRead(settings, zone, Date.now())
  if (firstDay > lastDay) {
    throw new MixloadError('CONFIG_INVALID', `A report from ${firstDay} to ${lastDay} has no days.`)
  }
  const until = completeTo(ledger, WHOLE, clock)
  const completeDay = until === undefined ? undefined : addDays(dayInZone(until.getTime(), zone), -1)
  return { firstDay, lastDay, timezone: zone, completeDay }
}

/** The options with their defaults. @throws MixloadError CONFIG_INVALID naming the option. */
function validated(
  name: ReportName,
  { options: known }: Report,
  options: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const schema = z.object(Object.fromEntries(Object.entries(known).map(([option, { schema }]) => [option, schema])))
  for (const option of Object.keys(options)) {
    if (options[option] === undefined || Object.hasOwn(known, option)) continue
    const advice = didYouMean(option, Object.keys(known))
    throw new MixloadError('CONFIG_INVALID', `The report ${name} has no option ${option}.${advice}`)
  }
  const parsed = schema.safeParse(options)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const isMissing = issue !== undefined && options[String(issue.path[0])] === undefined
  throw new MixloadError(
    'CONFIG_INVALID',
    `The option ${issue?.path.join('.')} of the report ${name} ${isMissing ? 'is missing' : 'is not valid'}: ${issue?.message}.`,
  )
}
