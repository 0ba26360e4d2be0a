import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RequestBudget } from '../../lib/mixpanel/budget.ts'
import { MixpanelClient } from '../../lib/mixpanel/client.ts'
import { Requester } from '../../lib/mixpanel/requester.ts'
import type { ProgressEvent } from '../../lib/progress.ts'
import { parseAnswer } from '../../lib/streams/answer.ts'

interface Received {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly type: string | undefined
  readonly body: string
}

let server: Server
let directory: string
let client: MixpanelClient
let budget: RequestBudget
let answer: (request: Received, response: ServerResponse) => void
let received: Received[]
let progress: ProgressEvent[]

beforeEach(async () => {
  received = []
  progress = []
  server = createServer(async (request: IncomingMessage, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const { method, url, headers } = request
    const entry = { method, url, type: headers['content-type'], body: Buffer.concat(parts).toString() }
    received.push(entry)
    answer(entry, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  client = new MixpanelClient({
    hosts: { data: url, app: url },
    credentials: { kind: 'service-account', user: 'someone', secret: 'very-secret' },
    projectId: '12',
    firstByteTimeoutMs: 60_000,
    idleTimeoutMs: 60_000,
  })
})
afterEach(async () => {
  await client[Symbol.asyncDispose]()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(directory, { recursive: true, force: true })
})

function requester(atOnce = 0): Requester {
  budget = new RequestBudget(directory, 'query', { perHour: 0, perSecond: 0, atOnce })
  return new Requester({
    client,
    budgets: { data: budget, app: budget },
    retry: { retries: { SERVER_FAILED: 3, RATE_LIMITED: 1 }, firstDelayMs: 1, delayMaxMs: 2 },
    onProgress: (event) => progress.push(event),
  })
}

const REQUEST = {
  family: 'app',
  path: '/api/query/engage',
  query: {},
  form: { where: 'a == "é&b"', page: '2', session_id: 'hidden' },
} as const
const { signal } = new AbortController()

describe('a requester', () => {
  it('sends a form by POST, returns the whole body, and counts', async () => {
    answer = (_, response) => response.end('{"results":[]}')
    const sender = requester()
    expect(await sender.ask(REQUEST, String, signal)).toBe('{"results":[]}')
    const [request] = received
    expect(request).toMatchObject({ method: 'POST', type: 'application/x-www-form-urlencoded' })
    expect(request?.url).toBe('/api/query/engage?project_id=12')
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual(REQUEST.form)
    expect(sender.usage).toMatchObject({ requests: 1, bytes: 14 })
  })

  it('sends no body without a form', async () => {
    answer = (_, response) => response.end('[]')
    await requester().ask({ family: 'app', path: '/x', query: { a: '1' } }, String, signal)
    expect(received).toMatchObject([{ method: 'GET', url: '/x?project_id=12&a=1', body: '' }])
  })

  it('retries after temporary failures, and counts each request', async () => {
    answer = (_, response) => {
      response.statusCode = received.length < 3 ? 503 : 200
      response.end('[1]')
    }
    const sender = requester()
    await sender.ask(REQUEST, String, signal)
    expect(sender.usage).toMatchObject({ requests: 3, bytes: 3 })
    expect(progress.map(({ kind }) => kind)).toEqual(['retry', 'retry'])
  })

  it.each([
    ['{"error":"Unable to authenticate request"}', 'CREDENTIALS_REFUSED'],
    ['{"request":"/api/2.0/funnels","error":"Timeout Error."}', 'QUERY_TIMEOUT'],
    ['{"error":"Query rate limit exceeded for project_id: 12. 1/5 queries"}', 'RATE_LIMITED'],
    ['{"error":"something else"}', 'REQUEST_REFUSED'],
  ])('treats a refusal with status 200 as the failure that it names: %s', async (text, code) => {
    answer = (_, response) => response.end(text)
    await expect(requester().ask(REQUEST, String, signal)).rejects.toMatchObject({ code })
  })

  it.each(['{"annotations":[],"error":false}', '{"results":[{"error":"x"}],"error":""}', '"error"', '["error"]'])(
    'does not treat another body as a refusal: %s',
    async (text) => {
      answer = (_, response) => response.end(text)
      expect(await requester().ask(REQUEST, String, signal)).toBe(text)
    },
  )

  it('retries if an answer is a temporary refusal, cannot be read, or took too long', async () => {
    const bodies = ['{"error":"Query rate limit exceeded"}', '<html>', '{"error":"Timeout Error."}', '[1', '[1]']
    answer = (_, response) => response.end(bodies[received.length - 1])
    const read = (body: Buffer) => parseAnswer(body, 'The answer')
    const sender = requester()
    expect(await sender.ask(REQUEST, read, signal)).toEqual([1])
    expect(sender.usage.requests).toBe(bodies.length)
  })

  it('retries no more than twice if an answer cannot be read', async () => {
    answer = (_, response) => response.end('<html>')
    const sender = requester()
    const answered = sender.ask(REQUEST, (body) => parseAnswer(body, 'The answer'), signal)
    await expect(answered).rejects.toMatchObject({ code: 'BODY_UNREADABLE' })
    expect(sender.usage.requests).toBe(3)
  })

  it('reports a failure with the form, but with neither secrets nor the session', async () => {
    answer = (_, response) => {
      response.statusCode = 400
      response.end('{"error":"no such thing"}')
    }
    const failure = requester().ask(REQUEST, String, signal)
    await expect(failure).rejects.toMatchObject({ code: 'REQUEST_REFUSED' })
    const { message } = (await failure.catch((error) => error)) as Error
    expect(message).toContain('POST /api/query/engage (where=a')
    expect(message).not.toMatch(/hidden|very-secret/)
  })

  it('never exceeds the limit of concurrent requests, and releases each slot after success or failure', async () => {
    let running = 0
    let most = 0
    const waiting: (() => void)[] = []
    answer = (_, response) => {
      most = Math.max(most, ++running)
      const count = received.length
      waiting.push(() => {
        running--
        response.statusCode = count % 3 === 0 ? 404 : 200
        response.end('[]')
      })
      // Except for the last one, none is answered before another has arrived.
      if (count > 1) waiting.shift()?.()
      if (count === 7) waiting.shift()?.()
    }
    const sender = requester(2)
    const all = await Promise.allSettled(Array.from({ length: 7 }, () => sender.ask(REQUEST, String, signal)))
    expect(all.filter(({ status }) => status === 'rejected').length).toBe(2)
    expect(most).toBe(2)
    await budget[Symbol.asyncDispose]()
    expect(JSON.parse(await readFile(join(directory, 'query.json'), 'utf8'))).toMatchObject({ running: [] })
  })
})
