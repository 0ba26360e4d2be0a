import type { LoadRecord } from '../../lib/destination.ts'
import { isFailure } from '../../lib/errors.ts'
import { ledgerRow } from '../../lib/ledger-row.ts'
import { ApiFailure, inDoubt, stepFailure } from './failures.ts'
import { gzippedLines, gzippedParts } from './gzip.ts'
import { type Intent, jobIdOf, rejectsStage, rowsPurpose, rowsStage, targetsOf } from './intents.ts'
import type { Job, Jobs } from './jobs.ts'
import type { Lease } from './lease.ts'
import { LOADS, REJECTS, RESOURCES } from './ledger.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { FilePart } from './pieces.ts'
import type { Table, Tables } from './tables.ts'

/** A load that only BigQuery is missing from: its files are written, or are being written while the first job is sent. */
export interface Plan {
  readonly intent: Intent
  /** Undefined where no job writes it. */
  readonly table: Table | undefined
  /** By the table or partition that they go into. What has none is emptied. */
  readonly parts: ReadonlyMap<string, readonly (readonly FilePart[])[]>
  readonly rejects: readonly FilePart[]
  /** Resolves once nothing writes files any more, whether or not that has failed. */
  readonly written: Promise<void>
}

export interface LoadsOptions {
  readonly tables: Tables
  readonly jobs: Jobs
  readonly lease: Lease
  readonly cache: MetadataCache
  /** The server's time, milliseconds since 1970. */
  readonly now: () => number
  /** Takes what the user should know. */
  readonly warn: (message: string) => void
}

/** Days that are replaced at once. */
const DAYS_AT_ONCE = 4
/** Long enough for a run that was killed to be followed by another. */
const STAGE_MS = 30 * 86_400_000

/**
 * Brings loads to their end. BigQuery has no transaction that spans load jobs, so the steps are in an order from which
 * every run can go on: the intent is noted, what needs more than one file is gathered in stages, the rows appear, in one
 * step for a table or a day, then the rejects, then the ledger's row. Until the rows' job is accepted nothing of the load
 * can be seen, and what is left of it is a stage; from then on the load goes forward, in this run or in the next.
 */
export class Loads {
  readonly #options: LoadsOptions
  /** A load of which this run doesn't know whether it is committed. */
  #inDoubt: Intent | undefined

  constructor(options: LoadsOptions) {
    this.#options = options
  }

  /** @throws MixloadError; the signal's reason: then nothing of the load is left, or it is noted as pending. */
  async commit(plan: Plan, signal: AbortSignal): Promise<void> {
    const { intent } = plan
    const what = `load ${intent.record.loadId} was not committed`
    try {
      await this.#options.lease.note([intent], signal)
      await this.#stage(plan, signal)
      signal.throwIfAborted()
    } catch (error) {
      await this.#dropStages(intent)
      signal.throwIfAborted()
      throw stepFailure(what, error)
    }
    const first = this.#firstJobs(plan)
    const isSingle = first.length === 1
    const failure = await this.#runAll(first, isSingle ? signal : undefined, intent)
    if (failure !== undefined) {
      if (this.#inDoubt === undefined) await this.#dropStages(intent)
      signal.throwIfAborted()
      throw this.#inDoubt === undefined
        ? stepFailure(what, failure)
        : inDoubt(`load ${intent.record.loadId} may be committed`, failure)
    }
    try {
      await this.#finish(intent, new Set(first.map(({ id }) => id)))
      this.#options.lease.settled()
    } catch (error) {
      this.#inDoubt = intent
      throw inDoubt(`the rows of load ${intent.record.loadId} have landed, its ledger row not yet`, error)
    }
  }

  /** Settles what this run has left in doubt. Gives the ledger's rows of what turned out to be committed. */
  async settleDoubt(signal?: AbortSignal): Promise<readonly LoadRecord[]> {
    const intent = this.#inDoubt
    if (intent === undefined) return []
    const settled = await this.settle([intent], signal)
    this.#inDoubt = undefined
    this.#options.lease.settled()
    return settled
  }

  /** Brings loads to their end that were left by this run or one that is no more, or makes sure that they never appear. */
  async settle(intents: readonly Intent[], signal?: AbortSignal): Promise<readonly LoadRecord[]> {
    const { cache, jobs } = this.#options
    const committed: LoadRecord[] = []
    cache.clear()
    for (const intent of intents) {
      const isNoted = (await cache.loads(signal)).some(({ loadId }) => loadId === intent.record.loadId)
      if (!isNoted) {
        const first = firstPurposes(intent).map((purpose) => jobIdOf(intent, purpose))
        let isThere = true
        // All of them, also after one that never will be: the others must not come later, either.
        for (const id of first) isThere = (await jobs.fateOf(id, false, signal)) === 'done' && isThere
        if (isThere) await this.#finish(intent, new Set(first))
        if (isThere) committed.push(intent.record)
      } else committed.push(intent.record)
      await this.#dropStages(intent)
    }
    return committed
  }

  /** Everything that can be done without a trace in the tables that others read. */
  async #stage({ intent, table, parts, rejects }: Plan, signal: AbortSignal): Promise<void> {
    const { tables } = this.#options
    if (intent.hasRejects) {
      const stage = rejectsStage(intent)
      await this.#makeStage(stage, RESOURCES[REJECTS].schema, {}, signal)
      await this.#options.jobs.run(
        loadJob(tables, intent, 'stage_rejects', stage, RESOURCES[REJECTS].schema, rejects),
        signal,
      )
    }
    for (const [target, lists] of parts) {
      if (lists.length < 2 || table === undefined) continue
      const stage = rowsStage(intent, target)
      const schema = schemaOf(table)
      await this.#makeStage(stage, schema, table.layout, signal)
      for (const [index, list] of lists.entries()) {
        const purpose = `stage_${rowsPurpose(target)}_${index}`
        await this.#options.jobs.run(loadJob(tables, intent, purpose, stage, schema, list), signal)
      }
    }
  }

  async #makeStage(stage: string, schema: unknown, layout: object, signal: AbortSignal): Promise<void> {
    const expirationTime = String(Math.round(this.#options.now() + STAGE_MS))
    const description = 'Rows on their way, kept by mixload only until the load is done.'
    await this.#options.tables.create(stage, { ...layout, schema, expirationTime, description }, signal)
  }

  /** The jobs with which a load begins to be seen: those of its rows, or what comes first where it has none. */
  #firstJobs(plan: Plan): readonly Job[] {
    const { intent, table } = plan
    if (intent.hasRows && table !== undefined) {
      return targetsOf(intent).map((target) => this.#rowsJob(plan, table, target))
    }
    return intent.hasRejects ? [this.#rejectsJob(intent)] : [this.#ledgerJob(intent)]
  }

  /** Runs them to their ends; gives what one of them failed of. Where nobody knows, the load is in doubt. */
  async #runAll(jobs: readonly Job[], signal: AbortSignal | undefined, intent: Intent): Promise<unknown> {
    const waiting = [...jobs]
    let failure: unknown
    const work = async () => {
      for (let job = waiting.shift(); job !== undefined && failure === undefined; job = waiting.shift()) {
        failure ??= await this.#runFirst(job, signal, intent)
      }
    }
    await Promise.all(Array.from({ length: Math.min(DAYS_AT_ONCE, jobs.length) }, work))
    return failure
  }

  /** Undefined when it was done. */
  async #runFirst(job: Job, signal: AbortSignal | undefined, intent: Intent): Promise<unknown> {
    try {
      await this.#options.lease.assertHeld(signal)
      await this.#options.jobs.run(job, signal)
      return undefined
    } catch (error) {
      // Of a job that failed, and of one that another run has put a stop to, nothing will come.
      if (isFailure(error, 'DESTINATION_BUSY') || (error instanceof ApiFailure && error.isOfJob)) return error
      try {
        return (await this.#options.jobs.fateOf(job.id, true)) === 'done' ? undefined : error
      } catch {
        this.#inDoubt = intent
        return error
      }
    }
  }

  /** What follows once the rows are there. Doing it again changes nothing. */
  async #finish(intent: Intent, done: ReadonlySet<string>): Promise<void> {
    const { jobs, warn } = this.#options
    const rejects = this.#rejectsJob(intent)
    if (intent.hasRejects && !done.has(rejects.id)) {
      await jobs.run(rejects).catch((error: unknown) => {
        if (!(error instanceof ApiFailure && error.isOfJob && error.reason === 'notFound')) throw error
        const { loadId, rejectCount } = intent.record
        warn(`The ${rejectCount} rejects of load ${loadId} are gone: somebody has removed the table they waited in.`)
      })
    }
    const ledger = this.#ledgerJob(intent)
    if (!done.has(ledger.id)) await jobs.run(ledger)
    this.#options.cache.addLoad(intent.record)
    await this.#dropStages(intent)
  }

  /** Those that stay are removed by BigQuery some day. */
  async #dropStages({ stages }: Intent): Promise<void> {
    for (const stage of stages) await this.#options.tables.remove(stage).catch(() => {})
  }

  #rowsJob({ intent, parts }: Plan, table: Table, target: string): Job {
    const { tables } = this.#options
    const [list = [], ...more] = parts.get(target) ?? []
    const purpose = rowsPurpose(target)
    const isPartition = target !== intent.table
    const writeDisposition = intent.mode.kind === 'append' ? 'WRITE_APPEND' : 'WRITE_TRUNCATE'
    if (more.length > 0) {
      const stage = rowsStage(intent, target)
      const source = isPartition ? `${stage}${target.slice(target.indexOf('$'))}` : stage
      return copyJob(tables, intent, purpose, source, target, writeDisposition, table.dayColumn !== undefined)
    }
    const job = loadJob(tables, intent, purpose, target, schemaOf(table), list)
    // A whole table that is replaced takes its schema and its layout from the job.
    const layout = writeDisposition === 'WRITE_TRUNCATE' && !isPartition ? table.layout : {}
    const load = { ...(job.configuration.load as object), writeDisposition, ...layout }
    return { ...job, isPartitioned: table.dayColumn !== undefined, configuration: { load } }
  }

  #rejectsJob(intent: Intent): Job {
    return copyJob(this.#options.tables, intent, 'rejects', rejectsStage(intent), REJECTS, 'WRITE_APPEND', false)
  }

  #ledgerJob(intent: Intent): Job {
    const job = loadJob(this.#options.tables, intent, 'ledger', LOADS, RESOURCES[LOADS].schema, [])
    const line = JSON.stringify(ledgerRow(intent.record))
    return { ...job, isPartitioned: true, content: () => gzippedLines([line]) }
  }
}

/** What the first jobs of a load are for: see {@link Loads}. */
function firstPurposes(intent: Intent): readonly string[] {
  const targets = targetsOf(intent)
  if (targets.length > 0) return targets.map(rowsPurpose)
  return [intent.hasRejects ? 'rejects' : 'ledger']
}

function schemaOf({ fields }: Table): unknown {
  return { fields: fields.map(({ all }) => all) }
}

function loadJob(
  tables: Tables,
  intent: Intent,
  purpose: string,
  target: string,
  schema: unknown,
  parts: readonly FilePart[],
): Job {
  return {
    id: jobIdOf(intent, purpose),
    purpose: purpose.replace(/_.*/, ''),
    writes: target,
    isPartitioned: false,
    configuration: {
      load: {
        destinationTable: tables.reference(target),
        sourceFormat: 'NEWLINE_DELIMITED_JSON',
        writeDisposition: 'WRITE_APPEND',
        createDisposition: 'CREATE_NEVER',
        schema,
      },
    },
    content: () => gzippedParts(parts),
  }
}

function copyJob(
  tables: Tables,
  intent: Intent,
  purpose: string,
  source: string,
  target: string,
  writeDisposition: string,
  isPartitioned: boolean,
): Job {
  return {
    id: jobIdOf(intent, purpose),
    purpose: purpose.replace(/_.*/, ''),
    writes: target,
    isPartitioned,
    configuration: {
      copy: {
        sourceTable: tables.reference(source),
        destinationTable: tables.reference(target),
        writeDisposition,
        createDisposition: 'CREATE_NEVER',
      },
    },
  }
}
