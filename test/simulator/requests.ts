import { gunzipSync } from 'node:zlib'
import { Agent, request as send } from 'undici'
import type { Simulator } from '../../lib/simulator/index.ts'

/** A request to a simulator. By default it has the service account and the project id. */
export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** The `Authorization` header; null for none. */
  readonly authorization?: string | null
  readonly body?: string | Buffer
}

export interface ReceivedResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The body as it was sent. */
  readonly bytes: Buffer
  /** The decompressed body; empty for a compressed body that is incomplete. */
  readonly text: string
  /** The error if the body is incomplete. */
  readonly failure: Error | undefined
}

/**
 * Uses a connection per request, so that a fault in one test does not affect the requests of
 * another.
 */
const agent = new Agent({ pipelining: 0 })

export function basic(user: string, password = ''): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

export async function request(
  simulator: Simulator,
  path: string,
  options: RequestOptions = {},
): Promise<ReceivedResponse> {
  const { credentials } = simulator
  const { user, secret } = credentials.serviceAccount
  const authorization = options.authorization === undefined ? basic(user, secret) : options.authorization
  const response = await send(`${simulator.url}${path}`, {
    dispatcher: agent,
    method: options.method ?? 'GET',
    query: { project_id: credentials.projectId, ...options.query },
    headers: { ...(authorization === null ? {} : { authorization }), ...options.headers },
    body: options.body ?? null,
  })
  const chunks: Buffer[] = []
  let failure: Error | undefined
  try {
    for await (const chunk of response.body) chunks.push(chunk)
  } catch (error) {
    failure = error as Error
  }
  const bytes = Buffer.concat(chunks)
  const isCompressed = response.headers['content-encoding'] === 'gzip'
  return {
    status: response.statusCode,
    headers: response.headers,
    bytes,
    text: isCompressed ? decompress(bytes, failure) : bytes.toString(),
    failure,
  }
}

function decompress(bytes: Buffer, failure: Error | undefined): string {
  return failure === undefined ? gunzipSync(bytes).toString() : ''
}

/** Exports some days, by default with times in milliseconds. */
export function requestExport(
  simulator: Simulator,
  fromDate: string,
  toDate: string,
  query: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<ReceivedResponse> {
  return request(simulator, '/api/2.0/export', {
    query: { from_date: fromDate, to_date: toDate, time_in_ms: 'true', ...query },
    headers,
  })
}

export function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

/** A day in the past of every test. */
export const DAY = '2026-08-01'
export const DAY_MS = Date.parse(`${DAY}T00:00:00Z`)

/** Returns an event of that day. The number determines its time, `$insert_id` and `n`. */
export function event(number: number, name = 'Page viewed', more: Record<string, unknown> = {}): object {
  const properties = { time: DAY_MS + number, distinct_id: 'someone', $insert_id: `id-${number}`, n: number, ...more }
  return { event: name, properties }
}

export function events(count: number, name = 'Page viewed'): object[] {
  return Array.from({ length: count }, (_, number) => event(number, name))
}

/** Sends a query, and returns its status and its JSON body. */
export async function requestJson(simulator: Simulator, path: string, query: Readonly<Record<string, string>>) {
  const { status, text } = await request(simulator, path, { query })
  return { status, body: JSON.parse(text) }
}
