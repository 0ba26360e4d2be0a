import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { PassThroughClient } from 'google-auth-library'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BigQueryClient } from '../../destinations/bigquery/api/client.ts'
import { queryRows } from '../../destinations/bigquery/api/query.ts'
import { TIMING } from '../../destinations/bigquery/api/timing.ts'
import { unaborted } from '../conformance/rows.ts'

/** A response, or a connection that breaks. */
type Response = { readonly status?: number; readonly body: unknown } | 'lost'

const FIELDS = { schema: { fields: [{ name: 'json', type: 'STRING' }] } }
const rowsOf = (...texts: readonly string[]) => texts.map((text) => ({ f: [{ v: text }] }))

describe('a query', () => {
  let server: Server
  let client: BigQueryClient
  let warnings: string[]
  /** Ids of the jobs that were requested, dry runs excluded. */
  let jobIds: string[]
  let pagesRequested: URL[]
  let dryRun: unknown
  let inserts: Response[]
  let pages: Response[]

  beforeEach(async () => {
    warnings = []
    jobIds = []
    pagesRequested = []
    dryRun = { totalBytesProcessed: '1000' }
    inserts = []
    pages = []
    server = createServer(async (request, response) => {
      let text = ''
      for await (const chunk of request.setEncoding('utf8')) text += chunk
      const { jobReference, configuration } = text === '' ? {} : JSON.parse(text)
      const job = { jobReference: { ...jobReference, location: 'EU' }, status: { state: 'RUNNING' } }
      let next: Response | undefined
      if (configuration?.dryRun === true) next = { body: { ...job, statistics: dryRun } }
      else if (request.method === 'POST') {
        jobIds.push(jobReference.jobId)
        next = inserts.shift() ?? { body: job }
      } else {
        pagesRequested.push(new URL(request.url ?? '', 'http://bigquery'))
        next = pages.shift() ?? { body: { jobComplete: true } }
      }
      if (next === 'lost') return void request.socket.destroy()
      response.writeHead(next.status ?? 200, { 'content-type': 'application/json' }).end(JSON.stringify(next.body))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    client = new BigQueryClient({
      endpoint: `http://127.0.0.1:${address.port}`,
      project: 'proj',
      credentials: new PassThroughClient(),
      timing: { ...TIMING, retryDelayMs: 1 },
    })
  })
  afterEach(async () => {
    await client.close()
    server.closeAllConnections()
    server.close()
  })

  async function run(): Promise<{ readonly count: number; readonly batches: readonly (readonly string[])[] }> {
    const batches: (readonly string[])[] = []
    client.location = 'EU'
    const warn = (message: string) => void warnings.push(message)
    const take = async (rows: readonly string[]) => void batches.push(rows)
    return { count: await queryRows(client, 'SELECT 1', take, warn, unaborted()), batches }
  }

  it('hands over its rows page by page, and waits while it runs', async () => {
    pages = [
      { body: { jobComplete: false } },
      { body: { ...FIELDS, rows: rowsOf('{"a":1}', '{"a":2}'), pageToken: 'next' } },
      { body: { ...FIELDS, rows: rowsOf('{"a":3}') } },
    ]
    expect(await run()).toEqual({ count: 3, batches: [['{"a":1}', '{"a":2}'], ['{"a":3}']] })
    expect(pagesRequested.map(({ searchParams }) => searchParams.get('pageToken'))).toEqual([null, null, 'next'])
    expect(pagesRequested.map(({ searchParams }) => searchParams.get('location'))).toEqual(['EU', 'EU', 'EU'])
    expect(warnings).toEqual([])
  })

  it('whose answer is lost is not run twice', async () => {
    inserts = ['lost', { status: 409, body: { error: { code: 409, errors: [{ reason: 'duplicate' }] } } }]
    pages = ['lost', { body: { ...FIELDS, rows: rowsOf('{}') } }]
    expect((await run()).count).toBe(1)
    expect(jobIds).toHaveLength(2)
    expect(new Set(jobIds).size).toBe(1)
    expect(pagesRequested.at(-1)?.pathname.endsWith(`/queries/${jobIds[0]}`)).toBe(true)
  })

  it('that fails at once says why', async () => {
    const error = { reason: 'invalidQuery', message: 'Syntax error' }
    const job = { jobReference: { jobId: 'j' }, status: { state: 'DONE', errorResult: error, errors: [error] } }
    inserts = [{ body: job }]
    pages = [{ status: 400, body: { error: { code: 400, message: 'Syntax error', errors: [error] } } }]
    await expect(run()).rejects.toMatchObject({ status: 400, reason: 'invalidQuery', message: 'Syntax error' })
  })

  it('warns before it scans much, because that may cost money', async () => {
    dryRun = { totalBytesProcessed: '25000000000' }
    await run()
    expect(warnings).toEqual([expect.stringContaining('25.0 GB')])
  })
})
