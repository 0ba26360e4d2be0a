import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BigQueryClient } from '../../destinations/bigquery/api/client.ts'
import { credentialsFor } from '../../destinations/bigquery/api/credentials.ts'
import { TIMING } from '../../destinations/bigquery/api/timing.ts'
import { BigQueryDriver } from '../../destinations/bigquery/driver.ts'
import type { BigQueryAddress } from '../../destinations/bigquery/url.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { expectFailure } from '../conformance/failures.ts'
import { unaborted } from '../conformance/rows.ts'
import { newEngine } from './engine.ts'

const ADDRESS: BigQueryAddress = {
  project: 'proj',
  dataset: 'd',
  location: undefined,
  keyFile: undefined,
  endpoint: undefined,
}

const headersOf = async (credentials: ReturnType<typeof credentialsFor>) =>
  Object.fromEntries(await credentials.getRequestHeaders())

const PRIVATE_KEY = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
}).privateKey

describe('credentials for BigQuery', () => {
  let directory: string
  let server: Server
  let tokensGiven: number
  let answer: { status: number; body: unknown }
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    tokensGiven = 0
    answer = { status: 200, body: undefined }
    server = createServer((_, response) => {
      const token = { access_token: `token-${++tokensGiven}`, expires_in: 3600, token_type: 'Bearer' }
      const body = answer.body ?? { ...token, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    server.closeAllConnections()
    server.close()
    await rm(directory, { recursive: true, force: true })
  })

  /** Credentials that the server above exchanges for a token. */
  async function keyFile(port: number): Promise<string> {
    const subject = join(directory, 'subject')
    await writeFile(subject, 'hush-hush')
    const path = join(directory, 'key.json')
    const key = {
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `http://127.0.0.1:${port}/token`,
      credential_source: { file: subject },
    }
    await writeFile(path, JSON.stringify(key))
    return path
  }
  function portOf(): number {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return address.port
  }

  it('of a file sign requests, with one token for all', async () => {
    const credentials = credentialsFor({ ...ADDRESS, keyFile: await keyFile(portOf()) })
    expect(await headersOf(credentials)).toMatchObject({ authorization: 'Bearer token-1' })
    expect(await headersOf(credentials)).toMatchObject({ authorization: 'Bearer token-1' })
    expect(tokensGiven).toBe(1)
  })

  it('are neither looked for nor sent if the user names an endpoint', async () => {
    expect(await headersOf(credentialsFor({ ...ADDRESS, endpoint: 'http://127.0.0.1:9' }))).toEqual({})
  })

  it('are sent to an endpoint if a key file is named', async () => {
    const credentials = credentialsFor({
      ...ADDRESS,
      endpoint: 'https://example.com',
      keyFile: await keyFile(portOf()),
    })
    expect(await headersOf(credentials)).toMatchObject({ authorization: 'Bearer token-1' })
  })

  it('that are refused are reported, and not shown', async () => {
    answer = { status: 400, body: { error: 'invalid_grant', error_description: 'bad subject' } }
    const failure = await expectFailure(
      headersOf(credentialsFor({ ...ADDRESS, keyFile: await keyFile(portOf()) })),
      'DESTINATION_FAILED',
    )
    expect(failure.message).toContain('key_file')
    expect(JSON.stringify([failure.message, failure.stack])).not.toContain('hush-hush')
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain('hush-hush')
  })

  it.each([
    ['the key of a service account', '{"type":"service_account","client_email":"a@b","private_key":"hush-hush"}'],
    ['invalid JSON', '{"type":"service_account","private_key":hush-hush}'],
    ['a string', '"hush-hush"'],
  ])('of a file with %s that cannot be used are not shown', async (_, text) => {
    const path = join(directory, 'bad.json')
    await writeFile(path, text)
    const warned = vi.spyOn(console, 'warn').mockReturnValue()
    const failure = await expectFailure(headersOf(credentialsFor({ ...ADDRESS, keyFile: path })), 'DESTINATION_FAILED')
    warned.mockRestore()
    expect(failure.message).toContain('bad.json')
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain('hush-hush')
  })

  it('of a file are used without output to the console', async () => {
    const warned = vi.spyOn(console, 'warn')
    await headersOf(credentialsFor({ ...ADDRESS, keyFile: await keyFile(portOf()) }))
    expect(warned).not.toHaveBeenCalled()
    warned.mockRestore()
  })

  it.each([
    ['a user', { type: 'authorized_user', client_id: 'id', client_secret: 'hush-hush', refresh_token: 'hush-hush' }],
    ['a service account', { type: 'service_account', client_email: 'a@b', private_key: PRIVATE_KEY }],
  ])('of %s can be tried again if Google cannot be reached, and are not shown', async (_, key) => {
    const path = join(directory, 'key.json')
    await writeFile(path, JSON.stringify(key))
    // Nothing listens there.
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:1')
    const failure = await headersOf(credentialsFor({ ...ADDRESS, keyFile: path })).catch((error: unknown) => error)
    expect(failure).toMatchObject({ isTransient: true })
    expect(inspect(failure, { depth: null, showHidden: true })).not.toMatch(/hush-hush|PRIVATE KEY/)
  })

  it('that are not found are reported with what to do, and nothing is sent unsigned', async () => {
    for (const name of ['HOME', 'CLOUDSDK_CONFIG']) vi.stubEnv(name, directory)
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '')
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none')
    const client = new BigQueryClient({
      endpoint: `http://127.0.0.1:${portOf()}`,
      project: 'proj',
      credentials: credentialsFor(ADDRESS),
      timing: TIMING,
    })
    const failure = await expectFailure(client.withSignal().dataset('d').getMetadata(), 'DESTINATION_FAILED')
    expect(failure.message).toContain('gcloud auth application-default login')
    expect(tokensGiven).toBe(0)
    await client.close()
  })

  it('that could not be exchanged are exchanged later', async () => {
    const path = await keyFile(1)
    const credentials = credentialsFor({ ...ADDRESS, keyFile: path })
    await expect(headersOf(credentials)).rejects.toMatchObject({ isTransient: true })
    await keyFile(portOf())
    expect(await headersOf(credentials)).toMatchObject({ authorization: 'Bearer token-1' })
  })

  it('whose file is missing or not a key fail when the destination is opened', async () => {
    await writeFile(join(directory, 'broken.json'), '{"type":')
    const engine = await newEngine(directory)
    for (const name of ['missing.json', 'broken.json']) {
      const destination = new Warehouse(
        new BigQueryDriver({
          url: `bigquery://proj/d?key_file=${encodeURIComponent(join(directory, name))}`,
          schema: 'mixpanel',
          engine,
          workDirectory: directory,
          warn: () => {},
        }),
        { engine },
      )
      const failure = await expectFailure(destination.open(unaborted()), 'DESTINATION_FAILED')
      expect(failure.message).toContain(name)
      await destination[Symbol.asyncDispose]()
    }
    await engine[Symbol.asyncDispose]()
  })
})
