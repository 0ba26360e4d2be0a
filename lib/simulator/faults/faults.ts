import { parseJson } from '../../core/json.ts'
import { dayNumberIn } from '../stores/clock.ts'

/** Which requests a fault applies to. A request must meet every condition that is given. */
export interface FaultMatch {
  /** The start of the path, such as `/api/2.0/export`. */
  readonly path?: string | undefined
  /** The whole path. `/api/2.0/engage`, for example, is also the start of other paths. */
  readonly exactPath?: string | undefined
  /** Parameters of the query or the form, such as `{ page: '2' }`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** The request's `from_date`. */
  readonly fromDate?: string | undefined
  /** The request's `to_date`. */
  readonly toDate?: string | undefined
  /** A name in the request's event filter. */
  readonly event?: string | undefined
  /** Only requests without an event filter. */
  readonly unfiltered?: boolean | undefined
  /** Only requests for at least this many days. */
  readonly minDays?: number | undefined
}

/** When a fault applies. */
export interface FaultScope {
  /** Default: every request. */
  readonly match?: FaultMatch | undefined
  /** How many requests it applies to; Infinity is allowed. Default: 1. */
  readonly times?: number | undefined
  /** How many matching requests it skips first. */
  readonly skip?: number | undefined
}

/** What goes wrong. Byte positions are positions in the body, from 0. */
export type FaultEffect =
  /** The connection ends after this many bytes of the body as sent, possibly compressed. */
  | { readonly kind: 'cut'; readonly atByte: number }
  /** The body ends after this many uncompressed bytes, as if it were complete. */
  | { readonly kind: 'cut-clean'; readonly atByte: number }
  /** The text is the last line of a 200, after this many lines or after all of them. */
  | {
      readonly kind: 'terminated-early'
      readonly text?: 'terminated early' | 'export terminated early' | undefined
      readonly afterLines?: number | undefined
    }
  /** The start of an error object, without a line end, is the last line of a 200. */
  | { readonly kind: 'error-json'; readonly afterLines?: number | undefined; readonly text?: string | undefined }
  /** 429, regardless of the limits. `retryAfter` is in seconds. */
  | { readonly kind: 'rate-limit'; readonly retryAfter?: number | undefined }
  /** 400 `Timeout Error.`, which Mixpanel sends if a scan takes too long. */
  | { readonly kind: 'timeout' }
  | { readonly kind: 'status'; readonly status: number; readonly body?: string | undefined }
  /** 402. */
  | { readonly kind: 'payment' }
  /** Nothing is sent for this long, not even headers. */
  | { readonly kind: 'slow-first-byte'; readonly ms: number }
  /** A pause in the middle of the body as sent. */
  | { readonly kind: 'stall'; readonly atByte: number; readonly ms: number }
  /** The connection is reset before any byte is sent. */
  | { readonly kind: 'reset' }
  /** The Engage session has ended: this page and all later pages are rejected. */
  | { readonly kind: 'session-lost' }
  /** An Engage page starts with this many profiles of the page before, in addition to its own. */
  | { readonly kind: 'repeat'; readonly count: number }
  /** This many profiles of an Engage page are deleted just before the page is sent. */
  | { readonly kind: 'vanish'; readonly count: number }
  /** Another body. `keepEncodingHeader` (default: `gzip`) sends `Content-Encoding: gzip`. */
  | {
      readonly kind: 'body'
      readonly body: string | Buffer
      readonly status?: number | undefined
      readonly contentType?: string | undefined
      readonly gzip?: boolean | undefined
      readonly keepEncodingHeader?: boolean | undefined
    }

/** A failure that the simulator produces. */
export type Fault = FaultScope & FaultEffect

/** The parts of a request that {@link FaultMatch} can refer to. `query` includes the form. */
type MatchableRequest = { readonly path: string; readonly query: Readonly<Record<string, string>> }

interface ActiveFault {
  readonly fault: Fault
  skip: number
  times: number
}

/** The faults, in order. Only the first that matches applies to a request. */
export class FaultQueue {
  #active: ActiveFault[] = []

  set(fault: Fault): void {
    this.#active.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 })
  }

  clear(): void {
    this.#active = []
  }

  /** Returns the fault that applies to a request, and counts it. */
  take(request: MatchableRequest): Fault | undefined {
    for (const active of this.#active) {
      if (active.times <= 0 || !matches(active.fault.match ?? {}, request)) continue
      if (active.skip > 0) {
        active.skip--
        continue
      }
      active.times--
      return active.fault
    }
    return undefined
  }
}

function matches(match: FaultMatch, { path, query }: MatchableRequest): boolean {
  if (match.path !== undefined && !path.startsWith(match.path)) return false
  if (match.exactPath !== undefined && path.replace(/\/$/, '') !== match.exactPath) return false
  if (Object.entries(match.parameters ?? {}).some(([name, value]) => query[name] !== value)) return false
  if (match.fromDate !== undefined && query.from_date !== match.fromDate) return false
  if (match.toDate !== undefined && query.to_date !== match.toDate) return false
  if (match.unfiltered === true && query.event !== undefined) return false
  if (match.event !== undefined && !filterNames(query.event).includes(match.event)) return false
  return match.minDays === undefined || daysOf(query) >= match.minDays
}

/** Returns the names in an event filter. The route rejects one that is not a JSON list. */
function filterNames(filter: string | undefined): readonly unknown[] {
  const names = parseJson(filter ?? '[]')
  return Array.isArray(names) ? names : []
}

function daysOf(query: MatchableRequest['query']): number {
  const first = dayNumberIn(query.from_date ?? '')
  const last = dayNumberIn(query.to_date ?? '')
  return first === undefined || last === undefined ? 0 : last - first + 1
}
