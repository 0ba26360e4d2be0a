import { z } from 'zod'
import { parseJson } from '../../core/json.ts'
import { dayNumber } from '../stores/clock.ts'

const count = z.int().min(0)
const status = z.int().min(200).max(599)

const matchSchema = z.strictObject({
  /** The start of the path, such as `/api/2.0/export`. */
  path: z.string().optional(),
  /** The whole path. `/api/2.0/engage`, for example, is also the start of other paths. */
  exactPath: z.string().optional(),
  /** Parameters of the query or the form, such as `{ page: '2' }`. */
  parameters: z.record(z.string(), z.string()).optional(),
  /** The request's `from_date`. */
  fromDate: z.string().optional(),
  /** The request's `to_date`. */
  toDate: z.string().optional(),
  /** A name in the request's event filter. */
  event: z.string().optional(),
  /** Only requests without an event filter. */
  unfiltered: z.boolean().optional(),
  /** Only requests for at least this many days. */
  minDays: count.optional(),
})

const scope = {
  /** Default: every request. */
  match: matchSchema.optional(),
  /** How many requests it applies to. Infinity is allowed, in JSON as `"always"`. Default: 1. */
  times: z.union([count, z.literal('always').transform(() => Number.POSITIVE_INFINITY)]).optional(),
  /** How many matching requests it skips first. */
  skip: count.optional(),
}

function fault<Kind extends string, Shape extends z.ZodRawShape>(kind: Kind, shape: Shape) {
  return z.strictObject({ ...scope, kind: z.literal(kind), ...shape })
}

/** What goes wrong. Byte positions are positions in the body, from 0. */
const faultSchema = z.discriminatedUnion('kind', [
  /** The connection ends after this many bytes of the body as sent, compressed or not. */
  fault('cut', { atByte: count }),
  /** The body ends after this many uncompressed bytes, as if it were complete. */
  fault('cut-clean', { atByte: count }),
  /** The text is the last line of a 200, after this many lines or after all of them. */
  fault('terminated-early', {
    text: z.enum(['terminated early', 'export terminated early']).optional(),
    afterLines: count.optional(),
  }),
  /** The start of an error object, without a line end, is the last line of a 200. */
  fault('error-json', { text: z.string().optional(), afterLines: count.optional() }),
  /** 429, regardless of the limits. `retryAfter` is in seconds. */
  fault('rate-limit', { retryAfter: count.optional() }),
  /** 400 `Timeout Error.`, which Mixpanel sends if a scan takes too long. */
  fault('timeout', {}),
  fault('status', { status, body: z.string().optional() }),
  /** 402. */
  fault('payment', {}),
  /** Nothing is sent for this long, not even headers. */
  fault('slow-first-byte', { ms: count }),
  /** A pause in the middle of the body as sent. */
  fault('stall', { atByte: count, ms: count }),
  /** The connection is reset before any byte is sent. */
  fault('reset', {}),
  /** The Engage session has ended: this page and all later pages are rejected. */
  fault('session-lost', {}),
  /** An Engage page starts with this many profiles of the page before, in addition to its own. */
  fault('repeat', { count }),
  /** This many profiles of an Engage page are deleted just before the page is sent. */
  fault('vanish', { count }),
  /** Another body. */
  fault('body', {
    body: z.union([z.string(), z.instanceof(Buffer)]),
    status: status.optional(),
    contentType: z.string().optional(),
    gzip: z.boolean().optional(),
    /** Whether `Content-Encoding: gzip` is sent. Default: if `gzip` is true. */
    keepEncodingHeader: z.boolean().optional(),
  }),
])

/** Which requests a fault applies to. A request must meet every condition that is given. */
export type FaultMatch = z.output<typeof matchSchema>

/** A failure that the simulator produces. */
export type Fault = z.output<typeof faultSchema>

/** The body of `POST /_simulator/faults`: one fault or a list. */
export const faultsSchema: z.ZodType<Fault[]> = z.union([
  z.array(faultSchema),
  faultSchema.transform((fault) => [fault]),
])

/** The parts of a request that {@link FaultMatch} can refer to. */
export interface MatchableRequest {
  readonly path: string
  /** Parameters of the query and the form. */
  readonly query: Readonly<Record<string, string>>
}

interface ActiveFault {
  readonly fault: Fault
  skip: number
  times: number
}

/** The faults in the order in which they were set. The first that matches applies to a request. */
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
      if (active.skip-- > 0) continue
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
  // The route rejects an event filter that is not a JSON list.
  const names: unknown = parseJson(query.event ?? '[]')
  if (match.event !== undefined && !(Array.isArray(names) && names.includes(match.event))) return false
  return match.minDays === undefined || daysOf(query) >= match.minDays
}

function daysOf(query: MatchableRequest['query']): number {
  const first = dayNumber(query.from_date ?? '')
  const last = dayNumber(query.to_date ?? '')
  return first === undefined || last === undefined ? 0 : last - first + 1
}
