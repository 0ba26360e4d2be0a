import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Fault } from '../faults/faults.ts'
import type { LimitExceeded, RateLimits } from './rate-limits.ts'
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

export type SimulatorContext = Context<SimulatorEnvironment>

/** A response before faults, compression and sending. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | AsyncIterable<Buffer>
  /** Whether the body may be compressed. Mixpanel compresses exports only. */
  readonly mayCompress?: boolean
}

/** Answers a request. A {@link RouteError} that it throws becomes the response. */
export type Route = (context: SimulatorContext) => Reply | Promise<Reply>

/** A request that is answered with an error, in the form of its family. */
export class RouteError extends Error {
  override readonly name = 'RouteError'
  readonly status: number

  constructor(error: string, status = 400) {
    super(error)
    this.status = status
  }
}

/** Returns a plain text response. */
export function textReply(status: number, body: string): Reply {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body }
}

/** Returns a JSON response. */
export function jsonReply(status: number, value: unknown): Reply {
  return { status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value) }
}

/** Returns an error in the form of the request's family. Ingestion has its own form. */
export function errorReply(context: SimulatorContext, { status, message: error }: RouteError): Reply {
  switch (familyOf(context.req.path)) {
    case 'export':
      return textReply(status, error)
    case 'app':
      return jsonReply(status, { error, status: 'error' })
    default:
      return queryError(context, status, error)
  }
}

/** Returns an error of the query family, whose body repeats the request. */
export function queryError(context: SimulatorContext, status: number, error: string): Reply {
  return jsonReply(status, { request: context.env.incoming.url ?? context.req.path, error })
}

/** The API families. Each has its own form of errors. */
export type Family = 'export' | 'query' | 'import' | 'app'

/** Returns the family that a path belongs to. */
export function familyOf(path: string): Family {
  if (path.startsWith('/api/2.0/export')) return 'export'
  if (path.startsWith('/api/app')) return 'app'
  return /^\/(?:import|track|engage|groups)\b/.test(path) ? 'import' : 'query'
}

/** Returns a 429 in the form of the request's family. That of the query family has the counts. */
export function rateLimited(
  context: SimulatorContext,
  projectId: string,
  { concurrent, perHour }: RateLimits,
  { running, inLastHour, retryAfter }: Omit<LimitExceeded, 'retryAfter'> & { readonly retryAfter: number | undefined },
): Reply {
  const reply = () => {
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
          `Query rate limit exceeded for project_id: ${projectId}. ${running}/${concurrent} queries running ` +
            `concurrently and ${inLastHour}/${perHour} queries running in the last hour. For more information, ` +
            'please consult our documentation at https://help.mixpanel.com/hc/en-us/articles/115004602563-Rate-Limits-for-Export-API-Endpoints',
        )
    }
  }
  const { headers, ...rest } = reply()
  return { ...rest, headers: retryAfter === undefined ? headers : { ...headers, 'Retry-After': String(retryAfter) } }
}
