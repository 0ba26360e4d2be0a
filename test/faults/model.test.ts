import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MixloadError } from '../../lib/core/errors.ts'
import type { RetryPolicy } from '../../lib/core/retry.ts'
import { WHOLE } from '../../lib/destination/selection.ts'
import { missingDays, wholeDays } from '../../lib/run/whole-days.ts'
import { isSame, PropertyReader } from '../pipeline/read-back.ts'
import { newDatabase } from '../postgres/shared.ts'
import { dayAt } from './day-events.ts'
import { CALLS, type Failure, failingDriver, Killed } from './failing-driver.ts'
import { FaultServer, whole } from './fault-server.ts'
import { answer, type Fault, FORM } from './faulty-answers.ts'
import { Pipeline, type Stored } from './pipeline.ts'

/** Programs over DuckDB, and over Postgres; memory is quicker and gets four times as many. */
const RUNS = Number(process.env.MIXLOAD_TEST_PROGRAMS ?? 5)
const DAYS = 4
const CLOCK = { zone: 'UTC', daysAreLocal: false }

/** An event as Mixpanel has it. */
interface Tracked {
  readonly day: string
  readonly at: number
  readonly person: string
  readonly insertId: string
  readonly processed: number
  /** Names, and the JSON of their values. */
  readonly properties: readonly (readonly [name: string, literal: string])[]
}

/** What should be in the warehouse, as a plain map. */
interface Model {
  readonly mixpanel: Tracked[]
  /** The loads of the ledger, by their ids. */
  readonly loads: Map<string, ModelLoad>
  /** Whether the warehouse can say which rows it has. */
  readonly isQueried: boolean
  columns: readonly string[]
  processed: number
}

interface ModelLoad {
  readonly day: string
  /** The events that came, and those that were added. */
  readonly received: readonly Tracked[]
  readonly events: readonly Tracked[]
  replaced: boolean
}

interface Real {
  readonly server: FaultServer
  readonly pipeline: Pipeline
  /** What goes wrong with the next requests, in their order. */
  readonly faults: Fault[]
}

function lineOf({ day, at, person, insertId, processed, properties }: Tracked): string {
  const own = properties.map(([name, literal]) => `,${JSON.stringify(name)}:${literal}`).join('')
  const time = Date.parse(day) + at
  return `{"event":"E","properties":{"time":${time},"distinct_id":"${person}","$insert_id":"${insertId}","mp_processing_time_ms":${processed}${own}}}\n`
}

function bodyOf(mixpanel: readonly Tracked[], day: string): string {
  return mixpanel
    .filter((event) => event.day === day)
    .map(lineOf)
    .join('')
}

/** People do something: on any day, late or not, with properties new and old, of any kind. */
class Track implements fc.AsyncCommand<Model, Real> {
  readonly #events: readonly Omit<Tracked, 'processed'>[]

  constructor(events: readonly Omit<Tracked, 'processed'>[]) {
    this.#events = events
  }

  check(): boolean {
    return true
  }

  async run(model: Model): Promise<void> {
    for (const event of this.#events) model.mixpanel.push({ ...event, processed: ++model.processed })
  }

  toString(): string {
    return `track ${JSON.stringify(this.#events)}`
  }
}

/** What a run loads, and what goes wrong in it. */
interface RunWhat {
  readonly days: 'all' | 'missing'
  readonly write: 'append' | 'replace'
  readonly faults: readonly Fault[]
  readonly failures: readonly Failure[]
  readonly stopAfter: number | null
  /** Whether calls of the destination that fail for a while are made again. */
  readonly hasRetries: boolean
}

const RETRIES: RetryPolicy = {
  retries: { DESTINATION_UNAVAILABLE: 3, COMMIT_IN_DOUBT: 3 },
  firstDelayMs: 1,
  delayMaxMs: 2,
}
const IMPATIENT: RetryPolicy = { ...RETRIES, retries: {} }

/** A run of the pipeline: of all days, or of those that the ledger does not have. */
class Run implements fc.AsyncCommand<Model, Real> {
  readonly #what: RunWhat

  constructor(what: RunWhat) {
    this.#what = what
  }

  check(): boolean {
    return true
  }

  async run(model: Model, { pipeline, faults, server }: Real): Promise<void> {
    const { days, write, failures, stopAfter, hasRetries } = this.#what
    const before = await pipeline.stored()
    const all = Array.from({ length: DAYS }, (_, at) => dayAt(at))
    const requested =
      days === 'all' ? all : missingDays(dayAt(0), dayAt(DAYS - 1), wholeDays(before.ledger, WHOLE, CLOCK))
    const slices = requested.map((day) => ({ firstDay: day, lastDay: day }))
    faults.splice(0, faults.length, ...this.#what.faults)
    const abort = new AbortController()
    let retries = 0
    const failed = await pipeline
      .run({
        url: server.url,
        slices,
        write,
        signal: abort.signal,
        destinationRetry: hasRetries ? RETRIES : IMPATIENT,
        around: (driver) => failingDriver(driver, failures),
        onEvent: () => {
          if (++retries === stopAfter) abort.abort()
        },
      })
      .then(
        ({ skippedSlices }) => (skippedSlices.length === 0 ? undefined : 'skipped'),
        (error: unknown) => {
          const isExpected = error instanceof MixloadError || error instanceof Killed || abort.signal.aborted
          if (!isExpected) throw error
          return error
        },
      )
    faults.length = 0
    const after = await pipeline.stored()
    note(model, before, after)
    if (failed === undefined) expect(after.ledger.length - before.ledger.length).toBe(requested.length)
    check(model, after)
  }

  toString(): string {
    return `run ${JSON.stringify(this.#what)}`
  }
}

/** Believes the ledger about what was committed, and checks that the rows agree with it. */
function note(model: Model, before: Stored, after: Stored): void {
  const known = new Set(before.ledger.map(({ loadId }) => loadId))
  expect(after.ledger.slice(0, before.ledger.length)).toEqual(before.ledger)
  for (const { loadId, firstDay, writeMode } of after.ledger) {
    if (known.has(loadId) || firstDay === null) continue
    if (writeMode === 'replace-days') {
      for (const load of model.loads.values()) if (load.day === firstDay) load.replaced = true
    }
    const received = model.mixpanel.filter(({ day }) => day === firstDay)
    const events = writeMode === 'append' ? received.filter(isNewIn(model, firstDay, received)) : received
    model.loads.set(loadId, { day: firstDay, received, events, replaced: false })
  }
}

/** Which events an append adds: those that are not there, if the warehouse can say so. */
function isNewIn({ loads, isQueried }: Model, day: string, received: readonly Tracked[]): (event: Tracked) => boolean {
  const ofDay = [...loads.values()].filter((load) => load.day === day)
  if (ofDay.at(-1)?.received.length === received.length) return () => false
  const existing = new Set(ofDay.filter(({ replaced }) => !replaced).flatMap(({ events }) => events))
  return (event) => !isQueried || !existing.has(event)
}

function check(model: Model, { rows, rejects, ledger, columns, latest }: Stored): void {
  expect(rejects).toEqual([])
  // A ledger row is there exactly where its rows are.
  const live = [...model.loads].filter(([, { replaced }]) => !replaced)
  const byLoad = Map.groupBy(rows, (row) => String(row._load_id))
  expect(new Set(byLoad.keys())).toEqual(new Set(live.filter(([, { events }]) => events.length > 0).map(([id]) => id)))
  for (const { loadId, rowCount } of ledger) expect(rowCount).toBe(model.loads.get(loadId)?.events.length)
  // Rows are what was sent.
  const reader = new PropertyReader(columns)
  for (const [loadId, { events }] of live) {
    const found = new Map(
      (byLoad.get(loadId) ?? []).map((row) => [`${row.mp_insert_id} ${row.mp_processing_time_ms}`, row]),
    )
    expect(byLoad.get(loadId) ?? []).toHaveLength(events.length)
    for (const { insertId, processed, properties } of events) {
      const row = found.get(`${insertId} ${processed}`)
      if (row === undefined) throw new Error(`${insertId} is not in load ${loadId}`)
      for (const [name, literal] of properties) {
        expect(isSame(reader.read(row, name), literal), `${name}: ${literal}`).toBe(true)
      }
    }
  }
  // No column vanishes or changes.
  const now = columns.map(({ name, type, role, property }) => JSON.stringify([name, type, role, property]))
  expect(now.slice(0, model.columns.length)).toEqual(model.columns)
  model.columns = now
  if (latest === undefined) return
  // The view shows, of rows of one key, the one that Mixpanel processed last. Time counts to the
  // second.
  const newest = new Map<string, number>()
  for (const { day, at, person, insertId, processed } of live.flatMap(([, { events }]) => events)) {
    const key = `${person} ${secondOf(Date.parse(day) + at)} ${insertId}`
    newest.set(key, Math.max(processed, newest.get(key) ?? 0))
  }
  const shown = latest.map(
    (row) =>
      [
        `${row.distinct_id} ${secondOf((row.time as Date).getTime())} ${row.mp_insert_id}`,
        Number(row.mp_processing_time_ms),
      ] as const,
  )
  expect(shown).toHaveLength(newest.size)
  expect(new Map(shown)).toEqual(newest)
}

const secondOf = (ms: number) => Math.floor(ms / 1000)

const literal = fc.oneof(
  fc.constantFrom('1', '1.5', 'true', 'null', '"text"', '[1,2]', '{"a":1}', '9007199254740993', '"\\ud800"', '""'),
  fc.string({ maxLength: 5 }).map((text) => JSON.stringify(text)),
)
const tracked = fc.record({
  day: fc.integer({ min: 0, max: DAYS - 1 }).map(dayAt),
  at: fc.constantFrom(0, 1, 1000),
  person: fc.constantFrom('p', 'q'),
  insertId: fc.constantFrom('i', 'j', 'k'),
  properties: fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'A', '$a', 'b', 'new one', 'x'), literal), {
    maxLength: 3,
    selector: ([name]) => name,
  }),
})
const failure: fc.Arbitrary<Failure> = fc
  .record({
    call: fc.constantFrom(...CALLS),
    nth: fc.integer({ min: 1, max: 4 }),
    when: fc.constantFrom('before' as const, 'after' as const),
    code: fc.constantFrom('DESTINATION_UNAVAILABLE', 'DESTINATION_FAILED', 'COMMIT_IN_DOUBT', 'killed'),
  })
  // A committed load is never reported as not committed.
  .map(
    (fields): Failure =>
      fields.call === 'write' && fields.when === 'after' && fields.code !== 'killed'
        ? { ...fields, code: 'COMMIT_IN_DOUBT' }
        : (fields as Failure),
  )
const fault = fc.constantFrom<Fault>('fine', 'fine', 'cut', 'reset', '500', '429', 'terminated early', 'no gzip')

const track = fc.array(tracked, { minLength: 1, maxLength: 4 }).map((events) => new Track(events))
const run = fc
  .record({
    days: fc.constantFrom('all' as const, 'missing' as const),
    write: fc.constantFrom('append' as const, 'replace' as const),
    faults: fc.array(fault, { maxLength: 5 }),
    failures: fc.array(failure, { maxLength: 2 }),
    stopAfter: fc.option(fc.integer({ min: 1, max: 15 }), { freq: 3 }),
    hasRetries: fc.boolean(),
  })
  .map((what) => new Run(what))
const calmRun = { write: 'append', faults: [], failures: [], stopAfter: null, hasRetries: false } as const

it.each(['memory', 'duckdb', 'postgres'] as const)(
  'after any program of events, runs, faults and kills, %s holds exactly what its ledger says',
  async (into) => {
    await fc.assert(
      fc.asyncProperty(fc.commands([track, run], { maxCommands: 8 }), async (program) => {
        const isQueried = into !== 'memory'
        const model: Model = { mixpanel: [], loads: new Map(), isQueried, columns: [], processed: 0 }
        const faults: Fault[] = []
        await using server = await FaultServer.start(({ day, path }) => {
          if (path.endsWith('/names')) return whole('["E"]', FORM)
          return answer(faults.shift() ?? 'fine', bodyOf(model.mixpanel, day))
        })
        await using database = into === 'postgres' ? await newDatabase() : undefined
        await using pipeline = await Pipeline.create(database ?? (into === 'memory' ? 'memory' : 'duckdb'))
        const real = { server, pipeline, faults }
        await fc.asyncModelRun(() => ({ model, real }), program)

        // A run without faults loads what is missing, and after that nothing is requested.
        await new Run({ ...calmRun, days: 'missing' }).run(model, real)
        const done = await pipeline.stored()
        const requests = server.requests.length
        await new Run({ ...calmRun, days: 'missing' }).run(model, real)
        expect(server.requests).toHaveLength(requests)
        expect(await pipeline.stored()).toEqual(done)
        // Replacing all days makes the warehouse equal to Mixpanel.
        await new Run({ ...calmRun, days: 'all', write: 'replace' }).run(model, real)
        expect((await pipeline.stored()).rows).toHaveLength(model.mixpanel.length)
      }),
      { numRuns: into === 'memory' ? 4 * RUNS : RUNS },
    )
  },
  Math.max(900_000, RUNS * 60_000),
)
