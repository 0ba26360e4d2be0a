import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import { PassThroughClient } from 'google-auth-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiFailure } from '../../destinations/bigquery/api/api-failure.ts'
import { BigQueryClient } from '../../destinations/bigquery/api/client.ts'
import { TIMING, type Timing } from '../../destinations/bigquery/api/timing.ts'

const QUICK: Timing = { ...TIMING, retries: 2, retryDelayMs: 1 }
const TOKEN = 'hush-hush-token'

class Signed extends PassThroughClient {
  override async getRequestHeaders(): Promise<Headers> {
    return new Headers({ authorization: `Bearer ${TOKEN}` })
  }
}

/** A request that the server has received. */
interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

describe('Google’s client with mixload’s transport', () => {
  let server: Server
  let received: Received[]
  let answer: (response: ServerResponse, request: Received) => void
  let client: BigQueryClient
  const json = (response: ServerResponse, status: number, body: unknown) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

  beforeEach(async () => {
    received = []
    answer = (response) => json(response, 200, {})
    server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += chunk
      const { method = '', url = '', headers } = request
      const seen = { method, url, headers, body }
      received.push(seen)
      answer(response, seen)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    client = clientOf()
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await client.close()
    server.closeAllConnections()
    server.close()
  })

  function clientOf(timing: Timing = QUICK, endpoint = `http://127.0.0.1:${portOf()}`): BigQueryClient {
    return new BigQueryClient({ endpoint, project: 'proj', credentials: new Signed(), timing })
  }
  function portOf(): number {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return address.port
  }

  it('signs each request and names mixload as its sender', async () => {
    await client.withSignal().dataset('d').table('größe').getMetadata()
    await client.upload({ job: {}, content: () => lines() })
    expect(received.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /bigquery/v2/projects/proj/datasets/d/tables/gr%C3%B6%C3%9Fe?prettyPrint=false',
      'POST /upload/bigquery/v2/projects/proj/jobs?uploadType=multipart',
    ])
    for (const { headers } of received) {
      expect(headers.authorization).toBe(`Bearer ${TOKEN}`)
      expect(headers['user-agent']).toMatch(/^mixload\//)
    }
  })

  it('changes a table only if it has the etag', async () => {
    const metadata = { description: 'x', etag: 'abc' }
    await client.withSignal().dataset('d').table('t').setMetadata(metadata)
    expect(received[0]?.method).toBe('PATCH')
    expect(received[0]?.headers['if-match']).toBe('abc')
  })

  it('repeats a failing request as often as the timing says, without retries of its own', async () => {
    answer = (response) => json(response, 503, { error: { code: 503, errors: [{ reason: 'backendError' }] } })
    const call = client.withSignal().dataset('d').getMetadata()
    await expect(call).rejects.toMatchObject({ name: 'ApiFailure', status: 503, reason: 'backendError' })
    expect(received).toHaveLength(1 + QUICK.retries)
  })

  it('ends a request when it is aborted, and sends no more', async () => {
    const reason = new Error('enough')
    const abort = new AbortController()
    const closed = Promise.withResolvers<void>()
    answer = (response) => {
      response.on('close', () => closed.resolve())
      abort.abort(reason)
    }
    await expect(client.withSignal(abort.signal).dataset('d').getMetadata()).rejects.toBe(reason)
    await closed.promise
    await expect(client.withSignal(abort.signal).dataset('d').getMetadata()).rejects.toBe(reason)
    expect(received).toHaveLength(1)
  })

  it('gives up on a server that does not answer', async () => {
    answer = () => {}
    await using impatient = Object.assign(clientOf({ ...QUICK, retries: 0, answerMs: 100, uploadMs: 100 }), {
      [Symbol.asyncDispose]: () => impatient.close(),
    })
    for (const call of [
      impatient.withSignal().dataset('d').getMetadata(),
      impatient.upload({ job: {}, content: () => lines() }),
    ]) {
      await expect(call).rejects.toMatchObject({ isUnanswered: true })
    }
  })

  it('ends all connections when it is closed, also that of an unanswered request', async () => {
    await client.withSignal().dataset('d').getMetadata()
    answer = () => {}
    const unanswered = client.withSignal().dataset('d').getMetadata()
    await expect.poll(() => received.length).toBe(2)
    await client.close()
    await expect(unanswered).rejects.toBeInstanceOf(ApiFailure)
    await expect.poll(() => new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBe(0)
  })

  it.each([
    ['a proxy’s page', 'text/html', '<html>Sign in to the network</html>'],
    ['an answer that is cut off', 'application/json', '{"jobReference":'],
    ['an answer without what Google’s client expects', 'application/json', '{}'],
    ['a list', 'application/json', '[]'],
  ])('treats %s as a lost answer', async (_, type, body) => {
    answer = (response) => void response.writeHead(200, { 'content-type': type }).end(body)
    const google = client.withSignal()
    for (const call of [
      google.dataset('d').createTable('t', {}),
      google.createJob({ jobId: 'j', configuration: { copy: {} } }),
      google.createQueryJob({ query: 'SELECT 1', dryRun: true }),
    ]) {
      await expect(call).rejects.toMatchObject({ name: 'ApiFailure', isUnanswered: true })
    }
  })

  it('sends to its endpoint, and ignores BIGQUERY_EMULATOR_HOST', async () => {
    vi.stubEnv('BIGQUERY_EMULATOR_HOST', 'http://127.0.0.1:1/bigquery/v2')
    const fresh = clientOf()
    await fresh.withSignal().dataset('d').getMetadata()
    await fresh.close()
    expect(received).toHaveLength(1)
  })

  it('sends no option of the client as a parameter', async () => {
    await client.withSignal().dataset('d').table('t').getRows({ skipParsing: true })
    const { searchParams } = new URL(received[0]?.url ?? '', 'http://bigquery')
    expect([...searchParams.keys()]).toEqual(['formatOptions.useInt64Timestamp', 'prettyPrint'])
  })

  it('does not replace {{projectId}} in texts', async () => {
    answer = (response) => json(response, 200, { tableReference: { tableId: 't' } })
    const description = 'Mixpanel property {{projectId}}'
    await client.withSignal().dataset('d').createTable('t', { description })
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({ description })
  })

  it('shows no token in its errors', async () => {
    const failures: unknown[] = []
    for (const broken of [
      (response: ServerResponse) => json(response, 403, { error: { code: 403, errors: [{ reason: 'accessDenied' }] } }),
      (response: ServerResponse) => void response.socket?.destroy(),
      (response: ServerResponse) => json(response, 200, {}),
    ]) {
      answer = broken
      await client
        .withSignal()
        .dataset('d')
        .createTable('t', {})
        .catch((error: unknown) => failures.push(error))
    }
    expect(failures).toHaveLength(3)
    for (const failure of failures) expect(inspect(failure, { depth: null, showHidden: true })).not.toContain(TOKEN)
  })
})

async function* lines(): AsyncGenerator<Buffer> {
  yield Buffer.from('{}\n')
}
