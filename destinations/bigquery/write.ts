import type { DestinationOptions } from '../../lib/destination/contract.ts'
import { columnsOf, LOADS, REJECTS, SUPERSEDED } from '../../lib/destination/ledger.ts'
import { loadRow } from '../../lib/destination/ledger-row.ts'
import { supersededBy } from '../../lib/destination/superseded.ts'
import { ApiFailure } from './api/api-failure.ts'
import type { JsonObject } from './api/json.ts'
import type { Table, Tables } from './api/tables.ts'
import { CAPABILITIES } from './dialect.ts'
import { inDoubt } from './failures.ts'
import { appendTo, isOver, type Job, type Jobs } from './jobs/jobs.ts'
import { jobIdOf, type PendingLoad, rejectsStage, rowsPurpose, rowsStage, targetsOf } from './jobs/pending-loads.ts'
import type { LoadPlan } from './jobs/plan.ts'
import { type MetadataCache, SCHEMAS } from './ledger.ts'
import type { Lease } from './lock.ts'
import type { FileRange } from './uploads/file-ranges.ts'
import { gzipLines, gzipRanges } from './uploads/gzip.ts'

export interface LoadsOptions extends Pick<DestinationOptions, 'warn'> {
  readonly tables: Tables
  readonly jobs: Jobs
  readonly lease: Lease
  readonly cache: MetadataCache
}

/** Days that are replaced at once. */
const DAYS_AT_ONCE = 4
/** The purpose of the job that removes rows. */
const REMOVAL = 'remove'
/** Long enough for a run that was killed to be followed by another. */
const STAGE_MS = 30 * 86_400_000

/**
 * Commits loads. BigQuery has no transaction over several load jobs, so the steps have an order
 * from which every run can continue:
 *
 * 1. The pending load is noted in the lease.
 * 2. Rows that need more than one upload, and rejects, are gathered in staging tables.
 * 3. The rows appear, in one step for a table or a day.
 * 4. A query finds the rows that are superseded now.
 * 5. The rejects appear, then the row of the ledger.
 *
 * Until the first job from step 3 on is accepted, nothing of the load can be seen, and what it
 * leaves is staging tables. From then on the load is finished, by this run or by the next.
 */
export class Loads {
  readonly #options: LoadsOptions
  /** A load of this run whose commit is in doubt. */
  #inDoubt: PendingLoad | undefined

  constructor(options: LoadsOptions) {
    this.#options = options
  }

  /**
   * @throws MixloadError or the signal's reason; then nothing of the load is left, or it is noted
   * as pending.
   */
  async commit(plan: LoadPlan, signal: AbortSignal): Promise<void> {
    const { pending } = plan
    let first: readonly Job[]
    try {
      first = await this.#firstJobs(plan)
      await this.#options.lease.note([pending], signal)
      await this.#stage(plan, signal)
      signal.throwIfAborted()
    } catch (error) {
      await this.#dropStages(pending)
      signal.throwIfAborted()
      throw error
    }
    const isSingle = first.length === 1
    const failure = await this.#runAll(first, isSingle ? signal : undefined, pending)
    if (failure !== undefined) {
      if (this.#inDoubt === undefined) await this.#dropStages(pending)
      signal.throwIfAborted()
      throw this.#inDoubt === undefined ? failure : inDoubt(`load ${pending.record.loadId} may be committed`, failure)
    }
    try {
      await this.#finish(pending, new Set(first.map(({ id }) => id)))
      this.#options.lease.settled()
    } catch (error) {
      this.#inDoubt = pending
      throw inDoubt(`the rows of load ${pending.record.loadId} are in BigQuery, its ledger row is not yet`, error)
    }
  }

  /** Settles the load whose commit is in doubt, if there is one. */
  async settleDoubt(): Promise<void> {
    if (this.#inDoubt === undefined) return
    await this.settle([this.#inDoubt])
    this.#inDoubt = undefined
    this.#options.lease.settled()
  }

  /** Finishes pending loads of this or an earlier run, or makes sure that they never appear. */
  async settle(loads: readonly PendingLoad[], signal?: AbortSignal): Promise<void> {
    const { cache, jobs } = this.#options
    cache.clear()
    for (const pending of loads) {
      const isCommitted = (await cache.loads(signal)).some(({ loadId }) => loadId === pending.record.loadId)
      if (!isCommitted) {
        const first = firstPurposes(pending).map((purpose) => jobIdOf(pending, purpose))
        let isDone = true
        // All outcomes are settled, even after a `never`, so that no job is done later.
        for (const id of first) isDone = (await jobs.outcomeOf(id, false, signal)) === 'done' && isDone
        if (isDone) await this.#finish(pending, new Set(first))
      }
      await this.#dropStages(pending)
    }
  }

  /** Does the steps that readers cannot see. */
  async #stage({ pending, table, uploads, rejects }: LoadPlan, signal: AbortSignal): Promise<void> {
    const { jobs } = this.#options
    if (pending.hasRejects) {
      const stage = rejectsStage(pending)
      await this.#createStage(stage, SCHEMAS.rejects, {}, signal)
      await jobs.run(this.#loadJob(pending, 'stage_rejects', stage, rejects, { schema: SCHEMAS.rejects }), signal)
    }
    for (const [target, groups] of uploads) {
      if (groups.length < 2 || table === undefined) continue
      const stage = rowsStage(pending, target)
      const schema = schemaOf(table)
      await this.#createStage(stage, schema, table.layout, signal)
      for (const [index, ranges] of groups.entries()) {
        const purpose = `stage_${rowsPurpose(target)}_${index}`
        await jobs.run(this.#loadJob(pending, purpose, stage, ranges, { schema }), signal)
      }
    }
  }

  async #createStage(stage: string, schema: unknown, layout: object, signal: AbortSignal): Promise<void> {
    const expirationTime = String(Math.round(this.#options.tables.client.serverNow + STAGE_MS))
    const description = 'Rows of a load that is not committed yet. mixload removes this table when the load is done.'
    await this.#options.tables.create(stage, { ...layout, schema, expirationTime, description }, signal)
  }

  /** The jobs that make the load visible first: those of its rows, or the next step. */
  async #firstJobs(plan: LoadPlan): Promise<readonly Job[]> {
    const { pending, table, removal } = plan
    if (removal !== undefined) return [removalJob(pending, removal)]
    if (pending.hasRows && table !== undefined) {
      return targetsOf(pending).map((target) => this.#rowsJob(plan, table, target))
    }
    const rejects = pending.hasRejects ? this.#rejectsJob(pending) : undefined
    return [(await this.#supersededJob(pending)) ?? rejects ?? this.#ledgerJob(pending)]
  }

  /** Runs jobs. Returns why one failed. If an outcome is unknown, the load is in doubt. */
  async #runAll(jobs: readonly Job[], signal: AbortSignal | undefined, pending: PendingLoad): Promise<unknown> {
    const waiting = [...jobs]
    let failure: unknown
    const work = async () => {
      for (let job = waiting.shift(); job !== undefined && failure === undefined; job = waiting.shift()) {
        failure ??= await this.#runFirst(job, signal, pending)
      }
    }
    await Promise.all(Array.from({ length: Math.min(DAYS_AT_ONCE, jobs.length) }, work))
    return failure
  }

  /** Returns undefined if the job was done. */
  async #runFirst(job: Job, signal: AbortSignal | undefined, pending: PendingLoad): Promise<unknown> {
    try {
      await this.#options.lease.assertHeld(signal)
      await this.#options.jobs.run(job, signal)
      return undefined
    } catch (error) {
      if (isOver(error)) return error
      try {
        return (await this.#options.jobs.outcomeOf(job.id, true)) === 'done' ? undefined : error
      } catch {
        this.#inDoubt = pending
        return error
      }
    }
  }

  /** The steps after the rows. Repeating them changes nothing. */
  async #finish(pending: PendingLoad, done: ReadonlySet<string>): Promise<void> {
    const { jobs, warn } = this.#options
    const superseded = await this.#supersededJob(pending)
    if (superseded !== undefined && !done.has(superseded.id)) await jobs.run(superseded)
    const rejects = this.#rejectsJob(pending)
    if (pending.hasRejects && !done.has(rejects.id)) {
      await jobs.run(rejects).catch((error: unknown) => {
        if (!(error instanceof ApiFailure && error.isOfJob && error.reason === 'notFound')) throw error
        const { loadId, rejectCount } = pending.record
        warn(`The ${rejectCount} rejects of load ${loadId} are lost, because somebody has removed their staging table.`)
      })
    }
    const ledger = this.#ledgerJob(pending)
    if (!done.has(ledger.id)) await jobs.run(ledger)
    this.#options.cache.addLoad(pending.record)
    await this.#dropStages(pending)
  }

  /** Removes staging tables. If that fails, BigQuery removes them when they expire. */
  async #dropStages({ stages }: PendingLoad): Promise<void> {
    for (const stage of stages) await this.#options.tables.remove(stage).catch(() => {})
  }

  #rowsJob({ pending, uploads }: LoadPlan, table: Table, target: string): Job {
    const [ranges = [], ...more] = uploads.get(target) ?? []
    const purpose = rowsPurpose(target)
    const isPartition = target !== pending.table
    const isPartitioned = table.dayColumn !== undefined
    const writeDisposition = pending.mode.kind === 'append' ? 'WRITE_APPEND' : 'WRITE_TRUNCATE'
    if (more.length > 0) {
      const stage = rowsStage(pending, target)
      const source = isPartition ? `${stage}${target.slice(target.indexOf('$'))}` : stage
      return { ...this.#copyJob(pending, purpose, source, target, writeDisposition), isPartitioned }
    }
    // A whole table that is replaced takes its schema and its layout from the job.
    const layout = writeDisposition === 'WRITE_TRUNCATE' && !isPartition ? table.layout : {}
    const options = { schema: schemaOf(table), writeDisposition, ...layout }
    return { ...this.#loadJob(pending, purpose, target, ranges, options), isPartitioned }
  }

  /**
   * The query job for the superseded rows. If some have to be removed, it writes the whole table,
   * which is small: other ways to remove rows cost money and are not allowed in BigQuery's sandbox.
   */
  async #supersededJob(pending: PendingLoad): Promise<Job | undefined> {
    if (pending.supersedes !== true) return undefined
    const { tables, cache } = this.#options
    const { table, record } = pending
    const path = tables.path(SUPERSEDED.name)
    const { rowId, day } = SUPERSEDED.columns
    const columns = await cache.columns(table)
    const queryWith = (superseded: string) =>
      supersededBy(CAPABILITIES, columns, { table: tables.path(table), superseded }, pending.mode, record)
    const { mode, query: appended } = queryWith(path)
    let query = appended
    if (mode.kind !== 'append') {
      const isRemoved =
        mode.kind === 'replace-table'
          ? 'TRUE'
          : `${day.name} BETWEEN DATE '${mode.firstDay}' AND DATE '${mode.lastDay}'`
      const names = columnsOf(SUPERSEDED).map(({ name }) => name)
      const kept = `SELECT ${names.join(', ')} FROM ${path} WHERE (${isRemoved}) IS NOT TRUE`
      query = `${kept}\nUNION ALL\n${queryWith(`(${kept})`).query}`
    }
    const destinationTable = tables.reference(SUPERSEDED.name)
    const writeDisposition = mode.kind === 'append' ? 'WRITE_APPEND' : 'WRITE_TRUNCATE'
    const dispositions = { writeDisposition, createDisposition: 'CREATE_NEVER', clustering: { fields: [rowId.name] } }
    const configuration = { query: { query, useLegacySql: false, destinationTable, ...dispositions } }
    return { ...jobOf(pending, 'superseded', SUPERSEDED.name), configuration }
  }

  #rejectsJob(pending: PendingLoad): Job {
    return this.#copyJob(pending, 'rejects', rejectsStage(pending), REJECTS.name)
  }

  #ledgerJob(pending: PendingLoad): Job {
    const job = this.#loadJob(pending, 'ledger', LOADS.name, [], { schema: SCHEMAS.loads })
    const line = JSON.stringify(loadRow(pending.record))
    return { ...job, isPartitioned: true, content: () => gzipLines([line]) }
  }

  /** A job that loads files into a table: it appends them, unless `options` say otherwise. */
  #loadJob(
    pending: PendingLoad,
    purpose: string,
    target: string,
    ranges: readonly FileRange[],
    options: JsonObject,
  ): Job {
    const load = { ...appendTo(this.#options.tables.reference(target)), ...options }
    return { ...jobOf(pending, purpose, target), configuration: { load }, content: () => gzipRanges(ranges) }
  }

  /** A job that copies a table into another one. */
  #copyJob(
    pending: PendingLoad,
    purpose: string,
    source: string,
    target: string,
    writeDisposition = 'WRITE_APPEND',
  ): Job {
    const { tables } = this.#options
    const [sourceTable, destinationTable] = [tables.reference(source), tables.reference(target)]
    const copy = { sourceTable, destinationTable, writeDisposition, createDisposition: 'CREATE_NEVER' }
    return { ...jobOf(pending, purpose, target), configuration: { copy } }
  }
}

function jobOf(pending: PendingLoad, purpose: string, target: string): Omit<Job, 'configuration'> {
  return { id: jobIdOf(pending, purpose), purpose: purpose.replace(/_.*/, ''), writes: target, isPartitioned: false }
}

/** The job that removes rows, all or none. */
function removalJob(pending: PendingLoad, query: string): Job {
  const configuration = { query: { query, useLegacySql: false } }
  return { ...jobOf(pending, REMOVAL, pending.table), isPartitioned: true, configuration }
}

/** The schema of a table, as jobs have it. */
function schemaOf({ fields }: Table): JsonObject {
  return { fields: fields.map(({ resource }) => resource) }
}

/** The purposes of the jobs that make a load visible first. */
function firstPurposes(pending: PendingLoad): readonly string[] {
  if (pending.removes === true) return [REMOVAL]
  const targets = targetsOf(pending)
  if (targets.length > 0) return targets.map(rowsPurpose)
  if (pending.supersedes === true) return ['superseded']
  return [pending.hasRejects ? 'rejects' : 'ledger']
}
