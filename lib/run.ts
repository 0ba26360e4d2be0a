import type { LoadRecord } from './destination.ts'
import { isFailure, type MixloadError } from './errors.ts'
import type { Tell } from './events.ts'
import { discardSpooled, type Extracted, type Extractor, type SpooledSlice } from './extract.ts'
import type { Loader } from './load.ts'
import { halves, type Slice } from './slices.ts'

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
  /** Slices given up in this run, with what they failed of. The next run asks for them again. */
  readonly setAside: readonly { readonly slice: Slice; readonly error: MixloadError }[]
}

/** Failures that concern one slice alone, so that the others can go on. */
const SLICE_FAILURES = ['BODY_TRUNCATED', 'BODY_UNREADABLE', 'QUERY_TIMEOUT'] as const

/**
 * Downloads and loads slices in order; while one loads, the next one downloads. A failure that concerns all of them
 * ends the run with what is committed until then.
 */
export async function runSlices(
  slices: readonly Slice[],
  extractor: Extractor,
  loader: Loader,
  tell: Tell,
  signal: AbortSignal,
): Promise<RunSummary> {
  const waiting = [...slices]
  const loads: LoadRecord[] = []
  const spooledSlices: SpooledSlice[] = []
  const setAside: { slice: Slice; error: MixloadError }[] = []

  /** The next slice that could be downloaded, or undefined when none is left. */
  const next = async (): Promise<SpooledSlice | undefined> => {
    for (let slice = waiting.shift(); slice !== undefined; slice = waiting.shift()) {
      const outcome = await attempt(slice)
      if (outcome?.kind === 'spooled') return outcome.spooled
      if (outcome?.kind === 'split') {
        const parts = halves(slice)
        tell({ kind: 'slice-split', slice, into: parts, reason: outcome.reason.message })
        waiting.unshift(...parts)
      }
    }
    return undefined
  }
  const attempt = async (slice: Slice): Promise<Extracted | undefined> => {
    try {
      return await extractor.extract(slice, signal)
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
    } catch (error) {
      // The spool is removed as a whole when the run ends; the download must not be writing to it then.
      await download.catch(() => {})
      throw error
    }
    spooledSlices.push({ ...spooled, events: [], rejects: [], fields: [] })
    await discardSpooled(spooled)
  }
  return summarize(loads, spooledSlices, setAside, extractor.requestCount)
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
  setAside: RunSummary['setAside'],
  requests: number,
): RunSummary {
  const sum = <T>(items: readonly T[], of: (item: T) => number) => items.reduce((total, item) => total + of(item), 0)
  return {
    loads,
    rows: sum(loads, ({ rowCount }) => rowCount),
    rejects: sum(loads, ({ rejectCount }) => rejectCount),
    bytes: sum(loads, ({ byteCount }) => byteCount),
    requests,
    undated: sum(spooled, ({ summary }) => summary.undated),
    outside: sum(spooled, ({ summary }) => summary.outside),
    ignoredValues: sum(spooled, ({ ignoredValues }) => ignoredValues),
    setAside,
  }
}
