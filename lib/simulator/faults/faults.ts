import { dayNumber } from '../stores/clock.ts'

/** Which requests a fault is for; every condition given must hold. */
export interface FaultMatch {
  /** What the path begins with, e.g. `/api/2.0/export`. */
  readonly path?: string | undefined
  /** The whole path: `/api/2.0/engage` is the beginning of others, too. */
  readonly exactPath?: string | undefined
  /** Parameters of the query or the form, e.g. `{ page: '2' }`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** The request's own `from_date` and `to_date`. */
  readonly fromDate?: string | undefined
  readonly toDate?: string | undefined
  /** A name in the request's event filter. */
  readonly event?: string | undefined
  /** Only requests without an event filter. */
  readonly unfiltered?: boolean | undefined
  /** Only ranges of at least so many days. */
  readonly minDays?: number | undefined
}

/** When a fault strikes. */
export interface FaultScope {
  /** Every request when left out. */
  readonly match?: FaultMatch | undefined
  /** How many requests it spoils; 1 when left out, Infinity allowed. */
  readonly times?: number | undefined
  /** How many matching requests pass before the first that it spoils. */
  readonly skip?: number | undefined
}

/** What goes wrong. Positions in bytes count the body from 0. */
export type FaultEffect =
  /** The connection ends without the last chunk, after so many bytes of the body as sent (gzip bytes, if gzip). */
  | { readonly kind: 'cut'; readonly atByte: number }
  /** A shorter body that ends as if whole, after so many bytes before compression. */
  | { readonly kind: 'cut-clean'; readonly atByte: number }
  /** The text as last line of a 200, after so many good lines, or after all of them. */
  | {
      readonly kind: 'terminated-early'
      readonly text?: 'terminated early' | 'export terminated early' | undefined
      readonly afterLines?: number | undefined
    }
  /** The beginning of an error object, without line end, likewise. */
  | { readonly kind: 'error-json'; readonly afterLines?: number | undefined; readonly text?: string | undefined }
  /** 429, whatever the budget; `retryAfter` in seconds. */
  | { readonly kind: 'rate-limit'; readonly retryAfter?: number | undefined }
  /** 400 `Timeout Error.`, Mixpanel's answer to a scan that takes too long. */
  | { readonly kind: 'timeout' }
  | { readonly kind: 'status'; readonly status: number; readonly body?: string | undefined }
  /** 402. */
  | { readonly kind: 'payment' }
  /** Nothing, headers neither, for so long. */
  | { readonly kind: 'slow-first-byte'; readonly ms: number }
  /** Silence in the middle of the body as sent. */
  | { readonly kind: 'stall'; readonly atByte: number; readonly ms: number }
  /** The connection is reset before any byte. */
  | { readonly kind: 'reset' }
  /** The Engage session is over: its page is refused, and so are later ones. */
  | { readonly kind: 'session-lost' }
  /** An Engage page begins with so many profiles of the page before, besides its own. */
  | { readonly kind: 'repeat'; readonly count: number }
  /** So many profiles of an Engage page are deleted just before it is answered. */
  | { readonly kind: 'vanish'; readonly count: number }
  /** Another body; `keepEncodingHeader` says whether `Content-Encoding: gzip` is sent, by default when it is packed. */
  | {
      readonly kind: 'body'
      readonly body: string | Buffer
      readonly status?: number | undefined
      readonly contentType?: string | undefined
      readonly gzip?: boolean | undefined
      readonly keepEncodingHeader?: boolean | undefined
    }

/** A failure to be acted out. */
export type Fault = FaultScope & FaultEffect

/** What a fault may look at in a request. */
export interface MatchableRequest {
  readonly path: string
  /** Parameters of the query and the form. */
  readonly query: Readonly<Record<string, string>>
}

interface Armed {
  readonly fault: Fault
  skip: number
  times: number
}

/** Faults in the order of their setting. The first that wants a request has it; later ones do not see that request. */
export class FaultQueue {
  #armed: Armed[] = []

  set(fault: Fault): void {
    this.#armed.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 })
  }

  clear(): void {
    this.#armed = []
  }

  /** The fault that strikes this request. */
  take(request: MatchableRequest): Fault | undefined {
    for (const armed of this.#armed) {
      if (armed.times <= 0 || !isMatch(armed.fault.match ?? {}, request)) continue
      if (armed.skip > 0) {
        armed.skip--
        continue
      }
      armed.times--
      return armed.fault
    }
    return undefined
  }
}

function isMatch(match: FaultMatch, { path, query }: MatchableRequest): boolean {
  if (match.path !== undefined && !path.startsWith(match.path)) return false
  if (match.exactPath !== undefined && path.replace(/\/$/, '') !== match.exactPath) return false
  if (Object.entries(match.parameters ?? {}).some(([name, value]) => query[name] !== value)) return false
  if (match.fromDate !== undefined && query.from_date !== match.fromDate) return false
  if (match.toDate !== undefined && query.to_date !== match.toDate) return false
  if (match.unfiltered === true && query.event !== undefined) return false
  if (match.event !== undefined && !filterNames(query.event).includes(match.event)) return false
  return match.minDays === undefined || daysOf(query) >= match.minDays
}

/** The names in an event filter, a JSON list in one text; none where it is something else. */
function filterNames(filter: string | undefined): readonly unknown[] {
  try {
    const names: unknown = JSON.parse(filter ?? '[]')
    return Array.isArray(names) ? names : []
  } catch {
    // The route refuses the filter; here it only has no name.
    return []
  }
}

function daysOf(query: MatchableRequest['query']): number {
  const first = dayNumber(query.from_date ?? '')
  const last = dayNumber(query.to_date ?? '')
  return first === undefined || last === undefined ? 0 : last - first + 1
}
