import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Fault } from '../faults/faults.ts'
import type { Refusal } from './limits.ts'

/** A request as the simulator's log keeps it. */
export interface RecordedRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** The fields of a body that is a form; none otherwise. */
  readonly form: Readonly<Record<string, string>>
  /** 0 until headers are sent, and for ever when the connection was reset before. */
  readonly status: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** What middleware notes for the rest of a request's way. */
interface Notes {
  fault: Fault | undefined
  form: Readonly<Record<string, string>>
  entry: { -readonly [Key in keyof RecordedRequest]: RecordedRequest[Key] }
}

/** What the middleware has found out about a request. */
export interface SimulatorEnvironment {
  Bindings: HttpBindings
  Variables: Notes
}

/** What a route is given. */
export type SimulatorContext = Context<SimulatorEnvironment>

/** An answer before faults, compression and the wire. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | AsyncIterable<Buffer>
  /** Whether gzip is used for clients that take it; Mixpanel does so for exports only. */
  readonly mayCompress?: boolean
}

/** A plain text answer. */
export function textReply(status: number, body: string): Reply {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body }
}

/** A JSON answer. */
export function jsonReply(status: number, value: unknown): Reply {
  return { status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value) }
}

/** The error body of the query family: the request is repeated in it. */
export function queryError(context: SimulatorContext, status: number, error: string): Reply {
  return jsonReply(status, { request: requestTarget(context), error })
}

/** Path and query as they were sent. */
export function requestTarget(context: SimulatorContext): string {
  return context.env.incoming.url ?? context.req.path
}

export const NOT_AUTHENTICATED = 'Unable to authenticate request'

/** API families that answer errors each in their own way. */
export type Family = 'export' | 'query' | 'import' | 'app'

/** The family that a path belongs to. */
export function familyOf(path: string): Family {
  if (path.startsWith('/api/2.0/export')) return 'export'
  if (path.startsWith('/api/app')) return 'app'
  return /^\/(?:import|track|engage|groups)\b/.test(path) ? 'import' : 'query'
}

/** 429, in the words of the family that refuses. */
export function rateLimited(context: SimulatorContext, rate: RateLimitText, retryAfter: number | undefined): Reply {
  const reply = rateLimitBody(context, rate)
  if (retryAfter === undefined) return reply
  return { ...reply, headers: { ...reply.headers, 'Retry-After': String(retryAfter) } }
}

/** The numbers that Mixpanel prints into a refusal of the query family. */
export interface RateLimitText extends Pick<Refusal, 'running' | 'inLastHour'> {
  readonly projectId: string
  readonly concurrent: number
  readonly perHour: number
}

function rateLimitBody(context: SimulatorContext, rate: RateLimitText): Reply {
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
        `Query rate limit exceeded for project_id: ${rate.projectId}. ${rate.running}/${rate.concurrent} queries running ` +
          `concurrently and ${rate.inLastHour}/${rate.perHour} queries running in the last hour. For more information, ` +
          'please consult our documentation at https://help.mixpanel.com/hc/en-us/articles/115004602563-Rate-Limits-for-Export-API-Endpoints',
      )
  }
}
