import { gunzipSync } from 'node:zlib'
import { Agent, request } from 'undici'
import type { Simulator } from '../../lib/simulator/index.ts'

/** What a test sends; the service account and the project id are given unless it says otherwise. */
export interface Question {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** The `Authorization` header; null sends none. */
  readonly authorization?: string | null
  readonly body?: string | Buffer
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The body as it came over the wire. */
  readonly wire: Buffer
  /** The body, unpacked if need be. Empty for a packed body that broke off. */
  readonly text: string
  /** What broke the body off. */
  readonly broken: Error | undefined
}

/** One connection a request, so that a connection that a fault ends never carries another test's request. */
const agent = new Agent({ pipelining: 0 })

export function basic(user: string, password = ''): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

export async function ask(simulator: Simulator, path: string, question: Question = {}): Promise<Answer> {
  const { credentials } = simulator
  const { user, secret } = credentials.serviceAccount
  const authorization = question.authorization === undefined ? basic(user, secret) : question.authorization
  const response = await request(`${simulator.url}${path}`, {
    dispatcher: agent,
    method: question.method ?? 'GET',
    query: { project_id: credentials.projectId, ...question.query },
    headers: { ...(authorization === null ? {} : { authorization }), ...question.headers },
    body: question.body ?? null,
  })
  const chunks: Buffer[] = []
  let broken: Error | undefined
  try {
    for await (const chunk of response.body) chunks.push(chunk)
  } catch (error) {
    broken = error as Error
  }
  const wire = Buffer.concat(chunks)
  const isPacked = response.headers['content-encoding'] === 'gzip'
  return {
    status: response.statusCode,
    headers: response.headers,
    wire,
    text: isPacked ? unpacked(wire, broken) : wire.toString(),
    broken,
  }
}

function unpacked(wire: Buffer, broken: Error | undefined): string {
  return broken === undefined ? gunzipSync(wire).toString() : ''
}

/** An export of some days, in milliseconds unless the query says otherwise. */
export function exported(
  simulator: Simulator,
  fromDate: string,
  toDate: string,
  query: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  return ask(simulator, '/api/2.0/export', {
    query: { from_date: fromDate, to_date: toDate, time_in_ms: 'true', ...query },
    headers,
  })
}

export function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

/** A day that lies in the past of every test. */
export const DAY = '2026-08-01'
export const DAY_MS = Date.parse(`${DAY}T00:00:00Z`)

/** An event of that day; the number sets time, `$insert_id` and `n`. */
export function event(number: number, name = 'Page viewed', more: Record<string, unknown> = {}): object {
  const properties = { time: DAY_MS + number, distinct_id: 'someone', $insert_id: `id-${number}`, n: number, ...more }
  return { event: name, properties }
}

export function events(count: number, name = 'Page viewed'): object[] {
  return Array.from({ length: count }, (_, number) => event(number, name))
}

/** What a simulator answers to a query, as JSON. */
export async function askJson(simulator: Simulator, path: string, query: Readonly<Record<string, string>>) {
  const { status, text } = await ask(simulator, path, { query })
  return { status, body: JSON.parse(text) }
}
