/**
 * `node bench/upload-baseline.ts ENDPOINT PROJECT DATASET FILE SCHEMA`: only creates a dataset,
 * loads a gzip file of NDJSON into its table `export`, partitioned and clustered like mixload's,
 * and waits for the job.
 */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'

interface Job {
  readonly jobReference: { readonly jobId: string }
  readonly status: { readonly state: string; readonly errorResult?: { readonly message: string } }
}

const [endpoint, projectId, datasetId, file, schema] = process.argv.slice(2)
if (endpoint === undefined || projectId === undefined || datasetId === undefined || file === undefined) {
  throw new Error('Usage: node bench/upload-baseline.ts ENDPOINT PROJECT DATASET FILE SCHEMA')
}
const project = `/bigquery/v2/projects/${projectId}`
const json = { 'content-type': 'application/json' }
const datasetReference = { projectId, datasetId }
await send(`${project}/datasets`, json, JSON.stringify({ datasetReference }))

const load = {
  destinationTable: { ...datasetReference, tableId: 'export' },
  sourceFormat: 'NEWLINE_DELIMITED_JSON',
  schema: JSON.parse(schema ?? '{}'),
  timePartitioning: { type: 'DAY', field: '_day' },
  clustering: { fields: ['event', 'distinct_id'] },
}
async function* parts(path: string) {
  yield `--part\r\ncontent-type: application/json\r\n\r\n${JSON.stringify({ configuration: { load } })}\r\n`
  yield '--part\r\ncontent-type: application/octet-stream\r\n\r\n'
  yield* createReadStream(path, { highWaterMark: 1024 * 1024 })
  yield '\r\n--part--\r\n'
}
const multipart = { 'content-type': 'multipart/related; boundary=part' }
let job = await send(
  `/upload${project}/jobs?uploadType=multipart`,
  multipart,
  Readable.from(parts(file), { objectMode: false }),
)
for (; job.status.state !== 'DONE'; await sleep(100)) job = await send(`${project}/jobs/${job.jobReference.jobId}`)
if (job.status.errorResult !== undefined) throw new Error(job.status.errorResult.message)

async function send(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | Readable | null = null,
): Promise<Job> {
  const response = await request(endpoint + path, {
    method: body === null ? 'GET' : 'POST',
    headers,
    body,
    headersTimeout: 600_000,
  })
  const text = await response.body.text()
  if (response.statusCode >= 300) throw new Error(`${path}: ${response.statusCode} ${text}`)
  return JSON.parse(text)
}
