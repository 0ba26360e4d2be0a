import { isFailure, type MixloadError } from '../core/errors.ts'
import type { LoadRecord } from '../destination/contract.ts'
import {
  ANSWER_FAILURES,
  discardSpooled,
  type Extracted,
  type SliceSource,
  type SpooledSlice,
} from '../extract/event-extractor.ts'
import type { Loader } from '../load/event-loader.ts'
import type { Tell } from '../progress.ts'
import type { AnySlice } from '../slices.ts'

/** What a run did. */
export interface RunSummary {
  readonly loads: readonly LoadRecord[]
  readonly rows: number
  readonly rejects: number
  readonly bytes: number
  readonly requests: number
  readonly undated: number
  readonly outside: number
  readonly ignoredValues: number
  /** Slices whose content the ledger had. */
  readonly alreadyLoaded: readonly AnySlice[]
  /** Slices given up in this run, with what they failed of. The next run asks for them again. */
  readonly setAside: readonly { readonly slice: AnySlice; readonly error: MixloadError }[]
}

/** Failures that concern one slice alone, so that the others can go on. */
const SLICE_FAILURES = [...ANSWER_FAILURES, 'FILE_REFUSED'] as const

/**
 * Gets and loads slices in order; while one loads, the next one comes. A failure that concerns all of them ends the run
 * with what is committed until then.
 */
export async function runSlices<S extends AnySlice>(
  slices: readonly S[],
  source: SliceSource<S>,
  loader: Loader,
  tell: Tell,
  signal: AbortSignal,
): Promise<RunSummary> {
  const waiting = [...slices]
  const loads: LoadRecord[] = []
  const spooledSlices: SpooledSlice[] = []
  const alreadyLoaded: AnySlice[] = []
  const setAside: { slice: S; error: MixloadError }[] = []
  const requestsBefore = source.requestCount

  /** The next slice that came whole, or undefined when none is left. */
  const next = async (): Promise<SpooledSlice | undefined> => {
    for (let slice = waiting.shift(); slice !== undefined; slice = waiting.shift()) {
      const outcome = await attempt(slice)
      if (outcome?.kind === 'spooled') return outcome.spooled
      if (outcome?.kind === 'split') {
        tell({ kind: 'slice-split', slice, into: outcome.into, reason: outcome.reason.message })
        waiting.unshift(...outcome.into)
      } else if (outcome?.kind === 'already-loaded') noteLoaded(slice)
    }
    return undefined
  }
  const noteLoaded = (slice: AnySlice) => {
    alreadyLoaded.push(slice)
    tell({ kind: 'slice-already-loaded', slice })
  }
  const attempt = async (slice: S): Promise<Extracted<S> | undefined> => {
    try {
      return await source.extract(slice, signal)
    } catch (error) {
      if (!isFailure(error, ...SLICE_FAILURES)) throw error
      setAside.push({ slice, error })
      tell({ kind: 'slice-set-aside', slice, error })
      return undefined
    }
  }

  let download = next()
  for (let spooled = await download; spooled !== undefined; spooled = await download) {
    download = next()
    // While this slice loads nobody awaits the download: its failure is met in the next turn.
    download.catch(() => {})
    try {
      loads.push(await loadOne(spooled, loader, tell, signal))
      spooledSlices.push({ ...spooled, events: [], rejects: [], fields: [] })
    } catch (error) {
      if (isFailure(error, 'ALREADY_LOADED') && 'file' in spooled.slice) noteLoaded(spooled.slice)
      else {
        // The spool is removed as a whole when the run ends; the download must not be writing to it then.
        await download.catch(() => {})
        throw error
      }
    }
    await discardSpooled(spooled)
  }
  const requests = source.requestCount - requestsBefore
  return { ...summarize(loads, spooledSlices), requests, alreadyLoaded, setAside }
}

/** What runs of one stream did, taken together. */
export function joined(runs: readonly RunSummary[]): RunSummary {
  const sum = (of: (run: RunSummary) => number) => runs.reduce((total, run) => total + of(run), 0)
  return {
    loads: runs.flatMap(({ loads }) => loads),
    rows: sum(({ rows }) => rows),
    rejects: sum(({ rejects }) => rejects),
    bytes: sum(({ bytes }) => bytes),
    requests: sum(({ requests }) => requests),
    undated: sum(({ undated }) => undated),
    outside: sum(({ outside }) => outside),
    ignoredValues: sum(({ ignoredValues }) => ignoredValues),
    alreadyLoaded: runs.flatMap(({ alreadyLoaded }) => alreadyLoaded),
    setAside: runs.flatMap(({ setAside }) => setAside),
  }
}

async function loadOne(spooled: SpooledSlice, loader: Loader, tell: Tell, signal: AbortSignal): Promise<LoadRecord> {
  const { slice, summary } = spooled
  const started = performance.now()
  const record = await loader.load(spooled, signal)
  tell({ kind: 'slice-loaded', slice, record, seconds: (performance.now() - started) / 1000 })
  if (record.rejectCount > 0) tell({ kind: 'rejects', slice, count: record.rejectCount })
  if (summary.undated > 0 || summary.outside > 0) {
    tell({ kind: 'dates', slice, undated: summary.undated, outside: summary.outside })
  }
  return record
}

function summarize(
  loads: readonly LoadRecord[],
  spooled: readonly SpooledSlice[],
): Omit<RunSummary, 'requests' | 'alreadyLoaded' | 'setAside'> {
  const sum = <T>(items: readonly T[], of: (item: T) => number) => items.reduce((total, item) => total + of(item), 0)
  return {
    loads,
    rows: sum(loads, ({ rowCount }) => rowCount),
    rejects: sum(loads, ({ rejectCount }) => rejectCount),
    bytes: sum(loads, ({ byteCount }) => byteCount),
    undated: sum(spooled, ({ summary }) => summary.undated),
    outside: sum(spooled, ({ summary }) => summary.outside),
    ignoredValues: sum(spooled, ({ ignoredValues }) => ignoredValues),
  }
}
