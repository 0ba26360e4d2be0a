import { type ErrorCode, isFailure, MixloadError } from '../core/errors.ts'
import { DEFAULT_RETRIES, type RetryPolicy } from '../core/retry.ts'
import type { Destination, LoadRecord } from '../destination/contract.ts'
import type { Engine } from '../engine/engine.ts'
import type { RecordSpool } from '../extract/record-spool.ts'
import { keepChanges } from '../load/profile-history.ts'
import { RecordTable } from '../load/record-table.ts'
import type { RequestBudget } from '../mixpanel/budget.ts'
import type { MixpanelClient } from '../mixpanel/client.ts'
import { Asking } from '../mixpanel/requester.ts'
import type { Tell } from '../progress.ts'
import { discardRecords, type SpooledRecords } from '../scan/spooled-records.ts'
import type { Settings } from '../settings.ts'
import { recordsName, type Slice } from '../slices.ts'
import type { SpoolDirectory } from '../spool/spool.ts'
import type { ExpectedRows, RecordStream, StreamContext } from '../streams/stream.ts'
import { type ComparedRows, differencesIn, reasonToReadAnew } from './expected-rows.ts'

export interface RecordRunOptions {
  readonly settings: Settings
  /** The project's time zone. */
  readonly zone: string
  readonly client: MixpanelClient
  /** Of the query family: shared by all streams but export. */
  readonly budget: RequestBudget
  /** Open to write. */
  readonly destination: Destination
  readonly engine: Engine
  readonly spool: SpoolDirectory
  /** Of an incremental stream: the days to read, in order. A full-table stream takes none. */
  readonly slices?: readonly Slice[]
  /** How failed requests are sent again; {@link DEFAULT_RETRIES} where left out. */
  readonly retry?: RetryPolicy
  readonly tell: Tell
}

/** What a run of one stream did. */
export interface RecordRunSummary {
  readonly stream: string
  readonly requests: number
  readonly slices: number
  /** Rows loaded into the stream's own table. */
  readonly rows: number
  /** Columns made and lines set aside, in all its tables. */
  readonly newColumns: number
  readonly rejects: number
  /** Values left out because their property is not wanted. */
  readonly ignoredValues: number
  /** Bytes received, unzipped. */
  readonly bytes: number
  readonly seconds: number
  /** The stream's own table first. */
  readonly tables: readonly { readonly table: string; readonly loads: readonly LoadRecord[] }[]
}

/** Failures after which a slice is read anew, from its first request: what came so far is thrown away. */
const BEGIN_ANEW = ['SESSION_LOST', 'COUNT_MISMATCH'] as const
/** How often: what comes out the same each time will not get better, and each time costs all requests of the slice. */
const ANEW_MAX = 2

/**
 * Reads a stream and loads it, slice by slice: a slice comes whole to the spool and is checked; then each of its tables is
 * loaded in one commit, those that hang on the stream's own table before it. So a run that ends early leaves no part of
 * a slice in a table, and the stream's own ledger row says that all of its tables are there. Requests and bytes are put
 * down to the stream's own table.
 *
 * A new stream is a {@link RecordStream} in a file of `lib/streams/`: it says what its tables are, and its `read` asks by
 * `context.ask` and yields batches of lines. Nothing else needs to know of it but the list of streams. `read` need not
 * care about retries, the budget, columns, rows of equal keys, or what a table has already.
 *
 * @throws MixloadError of what failed; what was committed before stays.
 */
export async function runRecordStream(
  stream: RecordStream,
  options: RecordRunOptions,
  signal: AbortSignal,
): Promise<RecordRunSummary> {
  const { settings, destination, engine, spool, tell, slices } = options
  if (stream.changesTable?.(settings) !== undefined && !destination.supports.queries) {
    const message = `${destination.description} cannot be asked what profiles were before: leave --engage-history out.`
    throw new MixloadError('CONFIG_INVALID', message)
  }
  const started = performance.now()
  const asking = new Asking({ ...options, retry: options.retry ?? DEFAULT_RETRIES })
  const tables: RecordTable[] = []
  for (const table of stream.tables) {
    const { replication } = stream
    tables.push(await RecordTable.open({ table, replication, settings, destination, engine, spool, tell }))
  }
  const run: RecordRun = { stream, options, asking, tables }
  const loads = tables.map(({ table }) => ({ table: table.name, loads: [] as LoadRecord[] }))
  let rejects = 0
  let ignoredValues = 0
  const toRead = stream.replication === 'full-table' ? [undefined] : (slices ?? [])
  for (const days of toRead) {
    const spooled = await readWhole(run, days, signal)
    try {
      // The stream's own table comes last.
      for (const [at, table] of [...tables.entries()].reverse()) {
        const records = spooled[at] as SpooledRecords
        const record = await loadOne(table, records, tell, signal)
        if (at === 0) await keepHistory(run, table, records, signal)
        loads[at]?.loads.push(record)
        rejects += record.rejectCount
        ignoredValues += records.ignoredValues
      }
    } finally {
      await discard(tables, spooled)
    }
  }
  return {
    stream: stream.name,
    requests: asking.requests,
    slices: toRead.length,
    rows: (loads[0]?.loads ?? []).reduce((total, { rowCount }) => total + rowCount, 0),
    newColumns: tables.reduce((total, { loader }) => total + loader.newColumns, 0),
    rejects,
    ignoredValues,
    bytes: asking.bytes,
    seconds: (performance.now() - started) / 1000,
    tables: loads,
  }
}

interface RecordRun {
  readonly stream: RecordStream
  readonly options: RecordRunOptions
  readonly asking: Asking
  readonly tables: readonly RecordTable[]
}

/** The records of a slice, in the order of the tables. */
async function readWhole(
  run: RecordRun,
  days: Slice | undefined,
  signal: AbortSignal,
): Promise<readonly SpooledRecords[]> {
  const { stream, options, asking } = run
  const { tell } = options
  const before = { requests: asking.requests, bytes: asking.bytes }
  const believed = new Set<ErrorCode>()
  tell({ kind: 'records-started', stream: stream.name, days })
  for (let tries = 0; ; tries++) {
    try {
      const spooled = await readOnce(run, days, believed, signal)
      const [own, ...others] = spooled
      if (own === undefined) return []
      const requestCount = asking.requests - before.requests
      const summary = { ...own.summary, bytes: asking.bytes - before.bytes }
      return [{ ...own, requestCount, summary }, ...others]
    } catch (error) {
      signal.throwIfAborted()
      if (!asksToBeginAnew(error) || tries === ANEW_MAX) throw error
      // What comes out again in the same way is believed.
      believed.add(error.code)
      tell({ kind: 'records-anew', stream: stream.name, days, reason: error.message })
    }
  }
}

/** Not where the cause is the same: then the stream has begun anew by itself, and it did not help. */
function asksToBeginAnew(error: unknown): error is MixloadError {
  if (error instanceof RecordsUnreadable) return true
  return isFailure(error, ...BEGIN_ANEW) && !isFailure(error.cause, error.code)
}

async function readOnce(
  run: RecordRun,
  days: Slice | undefined,
  believed: ReadonlySet<ErrorCode>,
  signal: AbortSignal,
): Promise<readonly SpooledRecords[]> {
  const { options, asking, tables } = run
  const expected: ExpectedRows[] = []
  const context: StreamContext = {
    settings: options.settings,
    zone: options.zone,
    ask: (request, read, askSignal) => asking.ask(request, read, askSignal),
    expect: (rows) => expected.push(rows),
    tell: options.tell,
  }
  const spools = new Map(tables.map((table) => [table.table.name, table.begin()]))
  const spooled: SpooledRecords[] = []
  try {
    await spoolAll(run, context, spools, days, signal)
    for (const { loader, table } of tables) {
      const records = await (spools.get(table.name) as RecordSpool).end(days)
      spooled.push(records)
      assertReadable(records, table.name, believed)
      spooled[spooled.length - 1] = await loader.settle(records)
    }
    await check(run, days, spooled, expected, believed)
    return spooled
  } catch (error) {
    for (const spool of spools.values()) await spool.discard()
    await discard(tables, spooled)
    throw error
  }
}

/** How often progress is told. */
const PROGRESS_MS = 500

async function spoolAll(
  { stream, options, asking }: RecordRun,
  context: StreamContext,
  spools: ReadonlyMap<string, RecordSpool>,
  days: Slice | undefined,
  signal: AbortSignal,
): Promise<void> {
  let toldAt = performance.now()
  for await (const { table, lines } of stream.read(context, days, signal)) {
    signal.throwIfAborted()
    const spool = spools.get(table)
    if (spool === undefined) throw new TypeError(`${stream.name} has no table ${table}`)
    await spool.take(lines)
    if (performance.now() - toldAt < PROGRESS_MS) continue
    toldAt = performance.now()
    const records = [...spools.values()].reduce((total, one) => total + one.records, 0)
    options.tell({ kind: 'records-progress', stream: stream.name, days, records, requests: asking.requests })
  }
  signal.throwIfAborted()
}

/** Records that cannot be read, in answers that can. */
class RecordsUnreadable extends MixloadError {
  constructor(message: string) {
    super('BODY_UNREADABLE', message)
  }
}

/** Records that are no JSON are asked for once more; that none can be read is no reason to empty a table. */
function assertReadable({ summary }: SpooledRecords, table: string, believed: ReadonlySet<ErrorCode>): void {
  const { events, rejects, damaged } = summary
  if (events === 0 && rejects > 0) {
    throw new RecordsUnreadable(`${table}: not one of the ${rejects} records can be read.`)
  }
  if (damaged > 0 && !believed.has('BODY_UNREADABLE')) {
    throw new RecordsUnreadable(`${table}: ${damaged} records are not JSON.`)
  }
}

/** Compares what came with what Mixpanel counts. */
async function check(
  { tables, options }: RecordRun,
  days: Slice | undefined,
  spooled: readonly SpooledRecords[],
  expected: readonly ExpectedRows[],
  believed: ReadonlySet<ErrorCode>,
): Promise<void> {
  for (const [at, { loader, table }] of tables.entries()) {
    const records = spooled[at] as SpooledRecords
    const ofTable = expected.filter((one) => one.table === table.name)
    const compared: ComparedRows[] = []
    for (const column of new Set(ofTable.map(({ where }) => where?.column))) {
      const counts = column === undefined ? undefined : await loader.countsBy(records, column)
      for (const one of ofTable.filter(({ where }) => where?.column === column)) {
        const found = one.where === undefined ? await loader.rowCount(records) : (counts?.get(one.where.value) ?? 0)
        compared.push({ ...one, found })
      }
    }
    const reason = reasonToReadAnew(compared)
    const name = recordsName(table.name, days)
    if (reason !== undefined && !believed.has('COUNT_MISMATCH')) {
      throw new MixloadError('COUNT_MISMATCH', `${name}: ${reason}`)
    }
    const differences = differencesIn(compared)
    if (differences !== undefined) options.tell({ kind: 'warning', message: `${name}: ${differences}` })
  }
}

async function loadOne(
  { loader, table }: RecordTable,
  records: SpooledRecords,
  tell: Tell,
  signal: AbortSignal,
): Promise<LoadRecord> {
  const started = performance.now()
  const record = await loader.load(records, signal)
  const seconds = (performance.now() - started) / 1000
  tell({ kind: 'records-loaded', table: table.name, days: records.days, record, seconds })
  return record
}

/** Appends the changes of profiles to a table of their own, where that is wanted. */
async function keepHistory(
  { stream, options }: RecordRun,
  { loader, table }: RecordTable,
  records: SpooledRecords,
  signal: AbortSignal,
): Promise<void> {
  const changes = stream.changesTable?.(options.settings)
  if (changes === undefined) return
  const started = performance.now()
  const given = { ...options, profiles: table.name, table: changes }
  const record = await keepChanges(given, await loader.rows(records), records.startedAt, signal)
  const seconds = (performance.now() - started) / 1000
  if (record !== undefined) options.tell({ kind: 'records-loaded', table: changes, days: undefined, record, seconds })
}

/** Deletes the files of spooled records, in the order of their tables. */
async function discard(tables: readonly RecordTable[], spooled: readonly SpooledRecords[]): Promise<void> {
  for (const [at, records] of spooled.entries()) {
    await tables[at]?.loader.forget(records)
    await discardRecords(records)
  }
}
