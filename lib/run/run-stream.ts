import { isFailure } from '../core/errors.ts'
import type { LoadRecord } from '../destination/contract.ts'
import type { SliceSource, SpooledSlice } from '../extract/slice-source.ts'
import type { OpenTable } from '../load/open-table.ts'
import type { RefusedPart } from '../load/table-loader.ts'
import type { OnProgress, SliceEvent } from '../progress.ts'
import { type AnySlice, hasDays, planSlices } from '../slices.ts'
import { daysOf } from '../time/days.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'
import type { AgainRows } from './again-rows.ts'
import { ReadySlices } from './ready-slices.ts'

/** A stream whose tables are open. */
export interface OpenStream {
  readonly name: string
  /** In the order of the stream's tables: its own first, then those that depend on it. */
  readonly tables: readonly [OpenTable, ...OpenTable[]]
  readonly onProgress: OnProgress
  readonly signal: AbortSignal
  /** The bytes of spooled lines that may wait to be loaded. */
  readonly spoolAhead: number
  /** Leaves out rows that the destination has; undefined if all are loaded. */
  readonly again?: AgainRows | undefined
  /** Appends what the loaded rows have changed to a table of changes. */
  readonly history?: { readonly table: string; keep(rows: SpooledRows): Promise<LoadRecord | undefined> } | undefined
}

/**
 * Extracts slices and loads them in order. While some are loaded, the next ones are extracted. Each
 * table of a slice is loaded in one commit, the stream's own table last. So a table never has a
 * part of a slice, and the ledger row of the stream's own table means that all tables have it.
 * Slices that are ready at the same time share a commit, if the destination can do that. Results
 * are reported as progress: see StreamTally. @throws MixloadError if the failure concerns all
 * slices. What was committed before stays.
 */
export async function runStream<S extends AnySlice>(
  stream: OpenStream,
  slices: readonly S[],
  source: SliceSource<S>,
): Promise<void> {
  const { name, onProgress, signal } = stream
  const waiting = [...slices]

  /** The next complete slice; undefined if none is left. */
  const next = async (): Promise<SpooledSlice<S> | undefined> => {
    for (let slice = waiting.shift(); slice !== undefined; slice = waiting.shift()) {
      source.ahead?.([slice, ...waiting])
      const outcome = await source.extract(slice, signal)
      if (outcome.kind === 'spooled') return outcome.spooled
      if (outcome.kind === 'split') {
        const { into, reason } = outcome
        onProgress({ kind: 'slice-split', stream: name, slice, into, reason: reason.message })
        waiting.unshift(...into)
      } else if (outcome.kind === 'skipped') {
        onProgress({ kind: 'slice-skipped', stream: name, slice, error: outcome.error })
      } else if (outcome.kind === 'already-loaded') onProgress({ kind: 'slice-already-loaded', stream: name, slice })
    }
    return undefined
  }

  const ready = new ReadySlices(next, takesGroups(stream), stream.spoolAhead)
  try {
    for (let group = await ready.take(); group.length > 0; group = await ready.take()) {
      waiting.unshift(...(await loadGroup(stream, group)))
    }
  } finally {
    // What follows is not requested any more.
    source.ahead?.([])
    // The spool is removed as a whole when the run ends; nothing may be writing to it then.
    await ready.stop()
  }
}

/** Several tables of a slice need several commits, so such slices are loaded one at a time. */
function takesGroups({ tables: [own, ...others], history }: OpenStream): boolean {
  return own.loader.takesGroups && others.length === 0 && history === undefined
}

/** Failures of a group that may be those of one slice. */
const FAILURES_OF_ONE = ['ALREADY_LOADED', 'COUNT_MISMATCH', 'DESTINATION_FAILED', 'TOO_MANY_REJECTS'] as const

/**
 * Loads slices: those that the destination has nothing of in one commit, and each of the others
 * after those before it. Returns the days to request without those that are held back.
 */
async function loadGroup<S extends AnySlice>(
  stream: OpenStream,
  group: readonly SpooledSlice<S>[],
): Promise<readonly S[]> {
  const { again, signal } = stream
  if (again === undefined) return loadAtOnce(stream, group)
  const rest: S[] = []
  let atOnce: SpooledSlice<S>[] = []
  for (const { slice, tables } of group) {
    const [own] = tables
    const rows = await again.uncompared(own)
    if (rows !== undefined) {
      atOnce.push({ slice, tables: [rows] })
      continue
    }
    rest.push(...(await loadAtOnce(stream, atOnce)))
    atOnce = []
    rest.push(...(await loadSlice(stream, { slice, tables: [await again.compared(own, signal)] })))
  }
  return [...rest, ...(await loadAtOnce(stream, atOnce))]
}

/**
 * Loads slices in one commit, or one at a time if that fails. Returns the days to request without
 * those that are held back.
 */
async function loadAtOnce<S extends AnySlice>(
  stream: OpenStream,
  group: readonly SpooledSlice<S>[],
): Promise<readonly S[]> {
  if (group.length > 1) {
    try {
      if (await loadTogether(stream, group)) return []
    } catch (error) {
      if (!isFailure(error, ...FAILURES_OF_ONE) || stream.signal.aborted) throw error
    }
  }
  const rest: S[] = []
  for (const spooled of group) rest.push(...(await loadSlice(stream, spooled)))
  return rest
}

/** Loads slices in one commit. Returns false, and loads none, if some are to be held back. */
async function loadTogether(
  { name, tables: [own], onProgress, signal }: OpenStream,
  group: readonly SpooledSlice[],
): Promise<boolean> {
  const parts = group.map(({ slice, tables: [rows] }) => ({ slice, rows }))
  for (const { slice, rows } of parts) {
    if ((await own.loader.refusedParts(rows, slice, signal)).length > 0) return false
  }
  const started = performance.now()
  const records = await own.loader.loadAll(parts, signal)
  const seconds = (performance.now() - started) / 1000 / parts.length
  for (const [at, { slice, rows }] of parts.entries()) {
    const record = records[at]
    if (record === undefined) throw new TypeError('Each slice has a ledger row.')
    const table = own.input.table.name
    onProgress({ kind: 'slice-loaded', stream: name, table, slice, record, seconds, ...remarksOf(rows) })
    await own.input.rows.discard(rows)
  }
  return true
}

/** Loads a slice, or returns the days to request without those that are held back. */
async function loadSlice<S extends AnySlice>(
  stream: OpenStream,
  { slice, tables }: SpooledSlice<S>,
): Promise<readonly S[]> {
  const { name, onProgress, signal } = stream
  const ready = [...tables]
  try {
    const refused: RefusedPart[] = []
    for (const [at, rows] of tables.entries()) {
      const loader = stream.tables[at]?.loader
      if (loader === undefined) continue
      ready[at] = await loader.withOldRows(rows, slice, signal)
      refused.push(...(await loader.refusedParts(ready[at], slice, signal)))
    }
    if (refused.length > 0) return await holdBack(stream, slice, tables[0], refused)
    for (const [at, table] of [...stream.tables.entries()].reverse()) {
      const rows = ready[at]
      if (rows === undefined) continue
      const load = () => table.loader.load(rows, slice, signal)
      await reported(stream, slice, table.input.table.name, remarksOf(rows), load)
      const history = at === 0 ? stream.history : undefined
      if (history !== undefined) await reported(stream, slice, history.table, NO_REMARKS, () => history.keep(rows))
    }
  } catch (error) {
    // Only the id of a file can have been loaded by another run in the meantime.
    if (!isFailure(error, 'ALREADY_LOADED') || !('file' in slice)) throw error
    onProgress({ kind: 'slice-already-loaded', stream: name, slice })
  } finally {
    for (const [at, { input }] of stream.tables.entries()) {
      const rows = ready[at]
      if (rows !== undefined) await input.rows.discard(rows)
    }
  }
  return []
}

/** Reports and notes what is held back. Returns the other days of the slice, to be requested. */
async function holdBack<S extends AnySlice>(
  { name, tables: [own], onProgress, signal }: OpenStream,
  slice: S,
  rows: SpooledRows,
  refused: readonly RefusedPart[],
): Promise<readonly S[]> {
  // A day counts once, although the stream may have several tables.
  const parts = [...Map.groupBy(refused, ({ firstDay }) => firstDay).values()].flatMap(([part]) => part ?? [])
  for (const part of parts) {
    await own.loader.noteHeldBack(rows, part, signal)
    const { firstDay, lastDay, error } = part
    onProgress({
      kind: 'slice-skipped',
      stream: name,
      slice: firstDay && lastDay ? { ...slice, firstDay, lastDay } : slice,
      error,
    })
  }
  if (!hasDays(slice)) return []
  const held = new Set(parts.flatMap(({ firstDay, lastDay }) => (firstDay && lastDay ? daysOf(firstDay, lastDay) : [])))
  const days = daysOf(slice.firstDay, slice.lastDay).filter((day) => !held.has(day))
  const into = planSlices(days, Number.POSITIVE_INFINITY).map((rest) => ({ ...slice, ...rest }))
  if (into.length > 0) {
    onProgress({ kind: 'slice-split', stream: name, slice, into, reason: 'Some of its days are held back.' })
  }
  return into
}

type Remarks = Pick<Extract<SliceEvent, { kind: 'slice-loaded' }>, 'undated' | 'outside' | 'ignoredValues'>

function remarksOf({ ignoredValues, summary: { undated, outside } }: SpooledRows): Remarks {
  return { undated, outside, ignoredValues }
}

const NO_REMARKS: Remarks = { undated: 0, outside: 0, ignoredValues: 0 }

/** Loads rows into a table, and reports it unless there was nothing to load. */
async function reported(
  { name, onProgress }: OpenStream,
  slice: AnySlice,
  table: string,
  remarks: Remarks,
  load: () => Promise<LoadRecord | undefined>,
): Promise<void> {
  const started = performance.now()
  const record = await load()
  if (record === undefined) return
  const seconds = (performance.now() - started) / 1000
  onProgress({ kind: 'slice-loaded', stream: name, table, slice, record, seconds, ...remarks })
}
