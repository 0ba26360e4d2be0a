import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authorizeFor } from '../../destinations/bigquery/credentials.ts'
import { createBigQueryDestination } from '../../destinations/bigquery/index.ts'
import type { BigQueryAddress } from '../../destinations/bigquery/url.ts'
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
const URL_ASKED = 'https://bigquery.googleapis.com/bigquery/v2/projects/proj/datasets/d'

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
    server.closeAllConnections()
    server.close()
    await rm(directory, { recursive: true, force: true })
  })

  /** Credentials that are changed for a token at the server here. */
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
    const authorize = authorizeFor({ ...ADDRESS, keyFile: await keyFile(portOf()) })
    expect(await authorize(URL_ASKED)).toMatchObject({ authorization: 'Bearer token-1' })
    expect(await authorize(URL_ASKED)).toMatchObject({ authorization: 'Bearer token-1' })
    expect(tokensGiven).toBe(1)
  })

  it('are sent to no endpoint of the user’s own, nor looked for', async () => {
    expect(await authorizeFor({ ...ADDRESS, endpoint: 'http://127.0.0.1:9' })(URL_ASKED)).toEqual({})
  })

  it('are sent to an endpoint for which a file is named', async () => {
    const authorize = authorizeFor({ ...ADDRESS, endpoint: 'https://example.com', keyFile: await keyFile(portOf()) })
    expect(await authorize(URL_ASKED)).toMatchObject({ authorization: 'Bearer token-1' })
  })

  it('that are refused say so, and are not shown', async () => {
    answer = { status: 400, body: { error: 'invalid_grant', error_description: 'bad subject' } }
    const failure = await expectFailure(
      authorizeFor({ ...ADDRESS, keyFile: await keyFile(portOf()) })(URL_ASKED),
      'DESTINATION_FAILED',
    )
    expect(failure.message).toContain('key_file')
    expect(JSON.stringify([failure.message, failure.stack])).not.toContain('hush-hush')
  })

  it('that can’t be asked for now are asked for later', async () => {
    const path = await keyFile(1)
    const authorize = authorizeFor({ ...ADDRESS, keyFile: path })
    await expect(authorize(URL_ASKED)).rejects.toMatchObject({ isPassing: true })
    await keyFile(portOf())
    expect(await authorize(URL_ASKED)).toMatchObject({ authorization: 'Bearer token-1' })
  })

  it('whose file is missing or no key fail when it is opened', async () => {
    await writeFile(join(directory, 'broken.json'), '{"type":')
    const engine = await newEngine(directory)
    for (const name of ['missing.json', 'broken.json']) {
      const destination = createBigQueryDestination({
        url: `bigquery://proj/d?key_file=${encodeURIComponent(join(directory, name))}`,
        schema: 'mixpanel',
        engine,
        workDirectory: directory,
        warn: () => {},
      })
      const failure = await expectFailure(destination.open(unaborted()), 'DESTINATION_FAILED')
      expect(failure.message).toContain(name)
      await destination[Symbol.asyncDispose]()
    }
    await engine[Symbol.asyncDispose]()
  })
})
