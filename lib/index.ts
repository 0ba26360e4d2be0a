/**
 * The product as functions: what the commands do, for programs. Each function takes the documented
 * settings as one object, which may also have an AbortSignal and a receiver of progress.
 */
import { createWarehouse } from '../destinations/index.ts'
import { MixloadError, runFailure } from './core/errors.ts'
import type { OnProgress } from './progress.ts'
import type { AttributionOptions, FrequencyOptions, RevenueOptions, UsersOptions } from './reports/counts.ts'
import type { FunnelOptions } from './reports/funnel.ts'
import type { ReportName } from './reports/index.ts'
import type { RetentionOptions } from './reports/retention.ts'
import { type ReportResult, runReport } from './reports/run-report.ts'
import type { SessionsOptions } from './reports/sessions.ts'
import { checkSetup, type Finding } from './run/check.ts'
import { toBackfill, toSync } from './run/choose-days.ts'
import { loadEventFiles } from './run/load-files.ts'
import { loadStreams } from './run/load-streams.ts'
import { planNextRun, type RunPlan } from './run/run-plan.ts'
import type { Session } from './run/session.ts'
import type { SettingsInput } from './run/settings-input.ts'
import { type StreamStatus, streamStatus } from './run/status.ts'
import type { StreamResult, StreamSummary } from './run/tally.ts'
import { makeViews, type ViewShape } from './run/views.ts'
import { settingsFromEnvironment as fromEnvironment, settingsFrom, withoutFlags } from './settings.ts'
import { tidyTables } from './tidy/tidy.ts'
import type { TidyResult } from './tidy/tidy-plan.ts'
import { repairDays, type VerifyResult, verifyCounts } from './verify/verify.ts'

export { COLUMN_TYPES, type Column, type ColumnRole, type ColumnType } from './columns/column.ts'
export type { Misfits, MisfitsByColumn } from './columns/misfits.ts'
export * from './core/public-errors.ts'
export type { KnownColumn, LoadRecord, NewColumn, WriteMode } from './destination/contract.ts'
export type { Scope, Selection } from './destination/selection.ts'
export type { LoadSource } from './destination/source.ts'
export type { HeldBack } from './load/held-back.ts'
export type { IdMerge } from './mixpanel/id-merge.ts'
export { REGIONS, type Region } from './mixpanel/regions.ts'
export type { OnProgress, ProgressEvent, SliceEvent } from './progress.ts'
export type {
  AttributionOptions,
  CountOptions,
  FrequencyOptions,
  RevenueOptions,
  UsersOptions,
} from './reports/counts.ts'
export type { FunnelExclusion, FunnelOptions, FunnelStep } from './reports/funnel.ts'
export type { ReportUnit } from './reports/options.ts'
export type { RetentionOptions } from './reports/retention.ts'
export type { ReportResult, ReportValue } from './reports/run-report.ts'
export type { SessionsOptions } from './reports/sessions.ts'
export type { ReportStep } from './reports/steps.ts'
export type { Finding } from './run/check.ts'
export type { PlannedBudget, PlannedStream, RunPlan } from './run/run-plan.ts'
export type { SettingsInput } from './run/settings-input.ts'
export type { StreamStatus } from './run/status.ts'
export type { SkippedItem, SkippedSlice, StreamResult, StreamSummary } from './run/tally.ts'
export type { ViewShape } from './run/views.ts'
export { STREAMS, type StreamName } from './settings.ts'
export type { AnySlice, FileSlice, Slice, StreamSlice, WholeTable } from './slices.ts'
export type { TidyResult } from './tidy/tidy-plan.ts'
export type { DayDigests, DayRows } from './time/day-tally.ts'
export type { Day } from './time/days.ts'
export type { Comparison, Difference } from './verify/compare.ts'
export type { PeopleCause, PeopleComparison, PeopleDifference } from './verify/compare-people.ts'
export type { VerifyResult } from './verify/verify.ts'

/**
 * What every function takes: settings, by the names that they have in mixload.yaml, and how to
 * follow and to end the work. Neither environment variables nor mixload.yaml are read.
 * @example
 * { projectId: '123', serviceAccount: 'me', serviceAccountSecret: 's', region: 'eu' }
 */
export interface RunOptions extends SettingsInput {
  /**
   * Ends the work when it is aborted. What is committed stays, and the function throws INTERRUPTED.
   */
  readonly signal?: AbortSignal | undefined
  /** Receives events while the work is done. */
  readonly onProgress?: OnProgress | undefined
}

/**
 * What {@link verify} takes.
 * @example { destination: 'duckdb:warehouse.duckdb', tolerance: 0.01, repair: true }
 */
export interface VerifyOptions extends RunOptions {
  /** The share by which a count may differ from Mixpanel's, from 0 to 1. Default: 0. */
  readonly tolerance?: number | undefined
  /** Whether days that differ are read again and replaced, and then compared once more. */
  readonly repair?: boolean | undefined
  /** Whether numbers of people are compared, too. Default: false. */
  readonly people?: boolean | undefined
}

/**
 * What {@link views} takes.
 * @example { destination: 'duckdb:warehouse.duckdb', shape: 'fivetran' }
 */
export interface ViewOptions extends RunOptions {
  /** Default: `mixload`. */
  readonly shape?: ViewShape | undefined
}

/**
 * What {@link tidy} takes.
 * @example { destination: 'duckdb:warehouse.duckdb', dryRun: true }
 */
export interface TidyOptions extends RunOptions {
  /** Only counts what would be removed, and changes nothing. Default: false. */
  readonly dryRun?: boolean | undefined
}

/** One report by its name, with its options. */
export type ReportRequest =
  | { readonly funnel: FunnelOptions }
  | { readonly retention: RetentionOptions }
  | { readonly 'retention-average': RetentionOptions }
  | { readonly users: UsersOptions }
  | { readonly sessions: SessionsOptions }
  | { readonly frequency: FrequencyOptions }
  | { readonly revenue: RevenueOptions }
  | { readonly attribution: AttributionOptions }

/**
 * What {@link report} takes: the report, its options and its days, of which the last 30 are the
 * default.
 * @example { report: { funnel: { steps: ['Sign Up', 'Order'] } }, from: '2026-03-01' }
 */
export interface ReportOptions extends RunOptions {
  /** The report by its name, with its options. */
  readonly report: ReportRequest
  /** The names of events that are hidden in Mixpanel's reports. */
  readonly hidden?: readonly string[] | undefined
  /** Only returns the query, and does not run it. Default: false. */
  readonly onlySql?: boolean | undefined
}

/**
 * Loads every day from `from` to `to`, or to yesterday, that the warehouse does not have. Run
 * again, it continues where it stopped. Returns the result of each stream. A stream that fails has
 * the outcome `failed`, and the others are loaded.
 *
 * @example
 * const results = await backfill({ ...settings, from: '2026-01-01', streams: ['export'] })
 * for (const { stream, outcome, rows } of results) console.log(stream, outcome, rows)
 * @throws MixloadError if all streams are concerned, such as by settings or the destination.
 */
export function backfill(options: RunOptions): Promise<readonly StreamResult[]> {
  return run(options, (session) => loadStreams(session, toBackfill(session.settings), forPrograms))
}

/**
 * Loads the days that are not whole yet, and the days of the attribution window again.
 *
 * @example
 * const results = await sync({ ...settings, signal: AbortSignal.timeout(3_600_000) })
 * @throws MixloadError as {@link backfill} does.
 */
export function sync(options: RunOptions): Promise<readonly StreamResult[]> {
  return run(options, (session) => loadStreams(session, toSync(session.settings), forPrograms))
}

/**
 * Loads files of events in the form of the raw export, plain, gzip or zstd, each in one commit.
 * Files that are loaded already are left out, and a file that fails is in `skippedSlices`. Requests
 * nothing from Mixpanel.
 *
 * @example
 * const destination = 'duckdb:warehouse.duckdb'
 * const { rows, skippedSlices } = await loadFiles(['2026-01.ndjson.gz'], { destination })
 * @throws MixloadError if no file can be loaded.
 */
export function loadFiles(files: readonly string[], options: RunOptions): Promise<StreamSummary> {
  return run(options, (session) =>
    loadEventFiles(session, files, () => {
      throw new MixloadError('CONFIG_INVALID', 'loadFiles takes the paths of files: standard input is not one of them.')
    }),
  )
}

/**
 * What {@link sync} would request, or {@link backfill} if `from` is given, and how long the request
 * limits make it wait. Requests only the time zone, and writes nothing.
 *
 * @example
 * const { streams } = await plan({ ...settings, from: '2026-01-01' })
 * console.log(streams.map(({ stream, requests }) => `${stream}: ${requests ?? 'not known'}`))
 * @throws MixloadError
 */
export function plan(options: RunOptions): Promise<RunPlan> {
  return run(options, planNextRun)
}

/**
 * Compares the events of each day and name in the warehouse with what Mixpanel's reports count.
 * With `repair`, days that differ are read again and replaced, and the result is that of a second
 * comparison.
 *
 * @example
 * const { differences } = await verify({ ...settings, tolerance: 0.01 })
 * for (const { day, event } of differences) console.log(day, event)
 * @throws MixloadError CONFIG_INVALID if no day is whole, or the destination has no queries.
 */
export function verify(options: VerifyOptions): Promise<VerifyResult> {
  const { tolerance = 0, repair = false, people = false, ...others } = options
  return run(others, async (session) => {
    const found = await verifyCounts(session, { tolerance, people })
    if (!repair || found.differences.length === 0) return found
    const failed = (await repairDays(session, found)).find(({ error }) => error !== undefined)
    if (failed?.error !== undefined) throw failed.error
    return verifyCounts(session, { tolerance, people })
  })
}

/**
 * What the warehouse has of each stream, from its ledger alone. Streams that were never loaded are
 * left out.
 *
 * @example
 * const [events] = await status({ destination: 'duckdb:warehouse.duckdb', streams: ['export'] })
 * console.log(events?.days?.lastWhole, events?.days?.gaps)
 * @throws MixloadError
 */
export function status(options: RunOptions): Promise<readonly StreamStatus[]> {
  return run(options, streamStatus)
}

/**
 * Checks everything that a load needs: credentials, plan, time zone, clock, destination. A finding
 * that is not `ok` says what to do.
 *
 * @example
 * const problems = (await check(settings)).filter(({ ok }) => !ok)
 * @throws MixloadError
 */
export function check(options: RunOptions): Promise<readonly Finding[]> {
  return run(options, async (session) => {
    const findings: Finding[] = []
    for await (const { detail, ...finding } of checkSetup(session)) {
      findings.push({ ...finding, detail: withoutFlags(detail) })
    }
    return findings
  })
}

/**
 * Recreates the views over all tables, and returns their names. Loads do this by themselves
 * whenever they add columns.
 *
 * @example
 * await views({ destination: 'duckdb:warehouse.duckdb' })
 * @throws MixloadError CONFIG_INVALID if there are no tables yet.
 */
export function views(options: ViewOptions): Promise<readonly string[]> {
  const { shape = 'mixload', ...others } = options
  return run(others, (session) => makeViews(session, shape))
}

/**
 * Removes rows that only cost space: copies of events, and figures that were loaded again. No view
 * shows other rows than before. Returns a result for each table in which there is something to do.
 *
 * @example
 * for (const { table, rows } of await tidy({ destination: 'duckdb:warehouse.duckdb' }))
 *   console.log(table, rows)
 * @throws MixloadError CONFIG_INVALID if the destination cannot remove rows, has no tables, or has
 *   those of another project.
 */
export function tidy(options: TidyOptions): Promise<readonly TidyResult[]> {
  const { dryRun = false, ...others } = options
  return run(others, (session) => tidyTables(session, dryRun))
}

/**
 * Counts what a report of Mixpanel counts, from the events in the warehouse.
 *
 * @example
 * const steps = ['Sign Up', { event: 'Order', where: 'amount > 100' }]
 * const { rows } = await report({ ...settings, report: { funnel: { steps, window: '1 day' } } })
 * @throws MixloadError CONFIG_INVALID if an option is not valid, or no events are loaded.
 */
export function report(options: ReportOptions): Promise<ReportResult> {
  const { report: wanted, hidden, onlySql, ...others } = options
  const [[name, values]] = Object.entries(wanted) as unknown as [[ReportName, Readonly<Record<string, unknown>>]]
  return run(others, (session) => runReport(session, name, values, { hidden, onlySql }))
}

/**
 * The settings in environment variables, which docs/settings.md names. Spread them into options.
 * @example
 * await sync({ ...settingsFromEnvironment(process.env), destination: 'parquet:events' })
 */
export function settingsFromEnvironment(environment: Readonly<Record<string, string | undefined>>): SettingsInput {
  return fromEnvironment(environment)
}

function forPrograms({ error }: StreamResult): void {
  if (error !== undefined) error.message = withoutFlags(error.message)
}

async function run<T>(options: RunOptions, work: (session: Session) => Promise<T>): Promise<T> {
  const { signal = new AbortController().signal, onProgress: receiver, ...settings } = options
  const onProgress: OnProgress = (event) => {
    if ('error' in event) event.error.message = withoutFlags(event.error.message)
    receiver?.(event.kind === 'warning' ? { ...event, message: withoutFlags(event.message) } : event)
  }
  try {
    if (signal.aborted) throw signal.reason
    return await work({ settings: settingsFrom({ ...settings }), createWarehouse, onProgress, signal })
  } catch (error) {
    const failure = runFailure(error, signal)
    if (failure instanceof MixloadError) failure.message = withoutFlags(failure.message)
    throw failure
  }
}
