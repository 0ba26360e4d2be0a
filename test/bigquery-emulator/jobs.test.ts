import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from './server.ts'

const ROWS = 100
const LINES = Array.from({ length: ROWS }, (_, at) => `{"number":${at}}\n`).join('')
const TABLE = { projectId: 'proj', datasetId: 'jobs', tableId: 'numbers' }
const SCHEMA = { fields: [{ name: 'number', type: 'INTEGER' }] }

interface JobAnswer {
  readonly status: { readonly state: string; readonly errorResult?: { readonly reason: string } }
}

describe('a job in the emulator, as in BigQuery,', () => {
  let emulator: Emulator

  beforeAll(async () => {
    emulator = await startEmulator()
    await ask('POST', 'datasets', { datasetReference: { projectId: 'proj', datasetId: 'jobs' } })
    await ask('POST', 'datasets/jobs/tables', { tableReference: TABLE, schema: SCHEMA })
  })

  afterAll(() => emulator.stop())

  async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${emulator.url}/bigquery/v2/projects/proj/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }

  /** Sends a job that appends {@link ROWS} rows; returns the status of the answer. */
  async function sendJob(jobId: string): Promise<number> {
    const load = {
      destinationTable: TABLE,
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      writeDisposition: 'WRITE_APPEND',
      createDisposition: 'CREATE_NEVER',
      schema: SCHEMA,
    }
    const job = JSON.stringify({ jobReference: { projectId: 'proj', jobId }, configuration: { load } })
    const response = await fetch(`${emulator.url}/upload/bigquery/v2/projects/proj/jobs?uploadType=multipart`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/related; boundary=part' },
      body: Buffer.concat([
        Buffer.from(`--part\r\nContent-Type: application/json\r\n\r\n${job}\r\n`),
        Buffer.from('--part\r\nContent-Type: application/octet-stream\r\n\r\n'),
        gzipSync(LINES),
        Buffer.from('\r\n--part--\r\n'),
      ]),
    })
    await response.body?.cancel()
    return response.status
  }

  async function jobAtItsEnd(jobId: string): Promise<JobAnswer> {
    for (;;) {
      const job = (await ask('GET', `jobs/${jobId}`)) as JobAnswer
      if (job.status.state === 'DONE') return job
    }
  }

  async function rowCount(): Promise<number> {
    const listing = (await ask('GET', 'datasets/jobs/tables/numbers/data?maxResults=0')) as { totalRows: string }
    return Number(listing.totalRows)
  }

  it('runs once if several requests with its id arrive at the same time', async () => {
    for (let round = 0; round < 20; round++) {
      const before = await rowCount()
      const jobId = `same-${round}`
      const answers = await Promise.all(Array.from({ length: 4 }, () => sendJob(jobId)))
      expect(answers.toSorted()).toEqual([200, 409, 409, 409])
      expect((await jobAtItsEnd(jobId)).status.errorResult).toBeUndefined()
      expect(await rowCount()).toBe(before + ROWS)
    }
  })

  it('says that it was cancelled only if it has written no rows', async () => {
    for (let round = 0; round < 40; round++) {
      const before = await rowCount()
      const jobId = `cancelled-${round}`
      const sent = sendJob(jobId)
      // Half of the jobs are cancelled as soon as their rows can be seen, the others at any moment.
      if (round % 2 === 0) while ((await rowCount()) === before) await sleep(1)
      else await sleep(round)
      // It is refused while the job has not arrived.
      await ask('POST', `jobs/${jobId}/cancel`).catch(() => {})
      expect(await sent).toBe(200)
      const { errorResult } = (await jobAtItsEnd(jobId)).status
      expect([undefined, 'stopped']).toContain(errorResult?.reason)
      expect(await rowCount()).toBe(errorResult === undefined ? before + ROWS : before)
    }
  })
})
