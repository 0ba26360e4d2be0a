import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Fault } from '../faults/faults.ts'
import type { LimitExceeded } from './rate-limits.ts'
import type { RecordedRequest } from './request-log.ts'

/** What the middleware knows about a request. */
export interface SimulatorEnvironment {
  Bindings: HttpBindings
  Variables: {
    fault: Fault | undefined
    form: Readonly<Record<string, string>>
    entry: { -readonly [Key in keyof RecordedRequest]: RecordedRequest[Key] }
  }
}

/** The context that a route gets. */
export type SimulatorContext = Context<SimulatorEnvironment>

/** A response before faults, compression and sending. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | AsyncIterable<Buffer>
  /** Whether the body may be compressed. Mixpanel compresses exports only. */
  readonly mayCompress?: boolean
}

/** Answers a request. */
export type Route = (context: SimulatorContext) => Reply | Promise<Reply>

/** Returns a plain text response. */
export function textReply(status: number, body: string): Reply {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body }
}

/** Returns a JSON response. */
export function jsonReply(status: number, value: unknown): Reply {
  return { status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value) }
}

/** Returns an error of the query family, whose body repeats the request. */
export function queryError(context: SimulatorContext, status: number, error: string): Reply {
  return jsonReply(status, { request: requestTarget(context), error })
}

/** Returns path and query as they were sent. */
export function requestTarget(context: SimulatorContext): string {
  return context.env.incoming.url ?? context.req.path
}

export const NOT_AUTHENTICATED = 'Unable to authenticate request'

/** The API families. Each has its own form of errors. */
export type Family = 'export' | 'query' | 'import' | 'app'

/** Returns the family that a path belongs to. */
export function familyOf(path: string): Family {
  if (path.startsWith('/api/2.0/export')) return 'export'
  if (path.startsWith('/api/app')) return 'app'
  return /^\/(?:import|track|engage|groups)\b/.test(path) ? 'import' : 'query'
}

/** Returns a 429 in the form of the request's family. */
export function rateLimited(context: SimulatorContext, counts: RateLimitCounts, retryAfter: number | undefined): Reply {
  const reply = rateLimitReply(context, counts)
  if (retryAfter === undefined) return reply
  return { ...reply, headers: { ...reply.headers, 'Retry-After': String(retryAfter) } }
}

/** The numbers that Mixpanel prints in a 429 of the query family. */
export interface RateLimitCounts extends Pick<LimitExceeded, 'running' | 'inLastHour'> {
  readonly projectId: string
  readonly concurrent: number
  readonly perHour: number
}

function rateLimitReply(context: SimulatorContext, counts: RateLimitCounts): Reply {
  switch (familyOf(context.req.path)) {
    case 'export':
      return jsonReply(429, { error: 'too many export requests in progress for this project' })
    case 'import':
      return jsonReply(429, {
        code: 429,
        error: 'Project exceeded rate limits. Please retry the request with exponential backoff.',
        status: 'Too Many Requests',
      })
    default:
      return queryError(
        context,
        429,
        `Query rate limit exceeded for project_id: ${counts.projectId}. ${counts.running}/${counts.concurrent} queries running ` +
          `concurrently and ${counts.inLastHour}/${counts.perHour} queries running in the last hour. For more information, ` +
          'please consult our documentation at https://help.mixpanel.com/hc/en-us/articles/115004602563-Rate-Limits-for-Export-API-Endpoints',
      )
  }
}
