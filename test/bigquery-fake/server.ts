import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { FakeJobs } from './jobs.ts'
import { invalid, notFound, Refusal } from './refusal.ts'
import { FakeStore, type JobConfiguration, LIMITS, type Limits, type Resource, shown } from './store.ts'

/** A request that the server has received. */
export interface ReceivedRequest {
  /** Which client sent it; each has its own address. */
  readonly client: string
  readonly method: string
  /** From the project on, decoded. */
  readonly path: string
  readonly job: { readonly id: string; readonly configuration: JobConfiguration } | undefined
}

/** What happens to a request instead of a regular answer. */
export type Fault =
  | undefined
  /** The connection breaks and nothing is done. */
  | 'lost'
  /** It is done, and the connection breaks before the answer. */
  | 'unanswered'
  | { readonly status: number; readonly reason: string }
  /** It is done when this resolves; the connection breaks at once. */
  | { readonly late: Promise<unknown> }

export interface FakeBigQuery {
  readonly store: FakeStore
  readonly jobs: FakeJobs
  readonly requests: readonly ReceivedRequest[]
  /** Decides about each request as it arrives; `index` counts those of the same client. */
  fault: (request: ReceivedRequest, index: number) => Fault
  /** Whether the connection breaks while the request arrives. */
  cuts: (client: string, index: number) => boolean
  /** The address for a client. */
  url(client: string): string
  /** Puts the server's clock forward. */
  advance(milliseconds: number): void
  stop(): Promise<void>
}

/**
 * BigQuery's API in this process, with the rules of the service and the faults that tests choose.
 */
export async function startFakeBigQuery(limits: Partial<Limits> = {}): Promise<FakeBigQuery> {
  let ahead = 0
  const now = () => Date.now() + ahead
  const store = new FakeStore({ ...LIMITS, ...limits }, now)
  const jobs = new FakeJobs(store)
  const requests: ReceivedRequest[] = []
  const counts = new Map<string, number>()

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://fake')
    const [, client = '', path = ''] = /^\/([^/]+)\/(?:upload\/)?bigquery\/v2\/projects\/(.*)$/.exec(url.pathname) ?? []
    const index = counts.get(client) ?? 0
    counts.set(client, index + 1)
    const about = { client, method: request.method ?? '', path: decodeURIComponent(path) }
    if (fake.cuts(client, index)) {
      requests.push({ ...about, job: undefined })
      request.once('data', () => request.socket.destroy())
      return
    }
    const body = await bodyOf(request)
    const received: ReceivedRequest = { ...about, job: jobIn(body.json, about) }
    requests.push(received)
    const fault = fake.fault(received, index)
    const act = () => perform(store, jobs, received, url, body, request.headers['if-match'])
    if (fault === 'lost') return void request.socket.destroy()
    if (typeof fault === 'object' && 'late' in fault) {
      request.socket.destroy()
      await fault.late
      return void attempted(act)
    }
    const { status, result } =
      typeof fault === 'object'
        ? { status: fault.status, result: new Refusal(fault.status, fault.reason, `Refused: ${fault.reason}`).body }
        : attempted(act)
    if (fault === 'unanswered') return void request.socket.destroy()
    response.writeHead(status, { 'content-type': 'application/json', date: new Date(now()).toUTCString() })
    response.end(result === undefined ? '' : JSON.stringify(result))
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!request.socket.destroyed) response.writeHead(500).end(String(error))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')

  const fake: FakeBigQuery = {
    store,
    jobs,
    requests,
    fault: () => undefined,
    cuts: () => false,
    url: (client) => `http://127.0.0.1:${address.port}/${client}`,
    advance(milliseconds) {
      ahead += milliseconds
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return fake
}

interface Body {
  readonly json: Resource
  readonly content: string | undefined
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const bytes = Buffer.concat(chunks)
  const boundary = /boundary=(.+)$/.exec(request.headers['content-type'] ?? '')?.[1]
  if (boundary === undefined)
    return { json: bytes.length === 0 ? {} : JSON.parse(bytes.toString()), content: undefined }
  const [json, content] = partsOf(bytes, `--${boundary}`)
  return { json: JSON.parse(json?.toString() ?? '{}'), content: gunzipSync(content ?? Buffer.alloc(0)).toString() }
}

/** The parts of a multipart body, without their headers. */
function partsOf(bytes: Buffer, boundary: string): readonly Buffer[] {
  const parts: Buffer[] = []
  for (let from = bytes.indexOf(boundary); ; ) {
    const to = bytes.indexOf(boundary, from + 1)
    if (to < 0) return parts
    const start = bytes.indexOf('\r\n\r\n', from) + 4
    parts.push(bytes.subarray(start, to - 2))
    from = to
  }
}

function jobIn(
  json: Resource,
  { method, path }: { readonly method: string; readonly path: string },
): ReceivedRequest['job'] {
  if (method !== 'POST' || !path.endsWith('/jobs')) return undefined
  const { jobId = '' } = json.jobReference as { readonly jobId?: string }
  return { id: jobId, configuration: json.configuration as JobConfiguration }
}

function attempted(act: () => unknown): { readonly status: number; readonly result: unknown } {
  try {
    return { status: 200, result: act() }
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, result: error.body }
    throw error
  }
}

function dryRun({ id, configuration }: NonNullable<ReceivedRequest['job']>): Resource {
  return { jobReference: { jobId: id }, configuration, status: { state: 'DONE' }, statistics: {} }
}

function perform(
  store: FakeStore,
  jobs: FakeJobs,
  { method, path, job }: ReceivedRequest,
  url: URL,
  { json, content }: Body,
  ifMatch: string | undefined,
): unknown {
  if (job !== undefined) {
    if (job.configuration.dryRun === true) return dryRun(job)
    return jobs.insert(job.id, job.configuration, content)
  }
  const [, kind, id = '', part, table = '', data] = path.split('/')
  if (kind === 'jobs') return part === 'cancel' ? jobs.cancel(id) : jobs.get(id)
  if (kind !== 'datasets') throw notFound(path)
  if (id === '') return store.createDataset(json)
  if (part === undefined) return store.dataset(id).resource
  if (table === '') return store.createTable(id, json)
  if (data === 'data') {
    const first = Number(url.searchParams.get('pageToken') ?? 0)
    return store.listRows(id, table, first, Number(url.searchParams.get('maxResults') ?? 100_000))
  }
  if (data !== undefined) throw invalid(`no such method: ${path}`)
  if (method === 'PATCH') return store.changeTable(id, table, json, ifMatch)
  if (method === 'DELETE') return void store.deleteTable(id, table)
  return shown(store.table(id, table))
}
