import { randomUUID } from 'node:crypto'
import type { TakeRows } from '../../lib/destination/contract.ts'
import { type Answer, at, listOf, objectOf, textOf } from './answers.ts'
import { type BigQueryClient, pathOf } from './client.ts'

/** What asking a query needs. */
export interface Asking {
  readonly client: BigQueryClient
  readonly project: string
  readonly location: string | undefined
  readonly warn: (message: string) => void
}

/** A query that scans more is told of before it runs: on-demand prices go by bytes scanned. */
const BYTES_TOLD_OF = 1_000_000_000
/** How long an answer may wait for the query's end. */
const WAIT_MS = 10_000
const ROWS_PER_ANSWER = 20_000

/** Runs a query and hands its rows over, page by page. A dry run, which costs nothing, says before what it will scan. */
export async function queryRows(asking: Asking, sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
  const { client, project, location, warn } = asking
  const query = `SELECT TO_JSON_STRING(_row) AS json FROM (${sql}\n) AS _row`
  const dry = await client.call(
    {
      method: 'POST',
      path: pathOf(project, 'jobs'),
      body: {
        jobReference: { projectId: project, location },
        configuration: { dryRun: true, query: { query, useLegacySql: false } },
      },
    },
    signal,
  )
  const bytes = Number(at(dry, 'statistics', 'totalBytesProcessed') ?? 0)
  if (bytes >= BYTES_TOLD_OF)
    warn(`BigQuery scans ${(bytes / 1e9).toFixed(1)} GB for a query, which it may charge for.`)
  const first = await client.call(
    {
      method: 'POST',
      path: pathOf(project, 'queries'),
      body: {
        query,
        useLegacySql: false,
        location,
        timeoutMs: WAIT_MS,
        maxResults: ROWS_PER_ANSWER,
        // A call that is sent again asks for the same query.
        requestId: randomUUID(),
      },
    },
    signal,
  )
  return pages(asking, first, take, signal)
}

async function pages({ client, project }: Asking, first: Answer, take: TakeRows, signal: AbortSignal): Promise<number> {
  const jobId = textOf(at(first, 'jobReference', 'jobId')) ?? ''
  const location = textOf(at(first, 'jobReference', 'location'))
  let count = 0
  let answer = first
  for (;;) {
    const rows = listOf(answer.rows).map((row) => textOf(objectOf(listOf(at(row, 'f'))[0]).v) ?? 'null')
    count += rows.length
    if (rows.length > 0) await take(rows)
    const pageToken = textOf(answer.pageToken)
    if (answer.jobComplete !== false && pageToken === undefined) return count
    answer = await client.call(
      {
        method: 'GET',
        path: pathOf(project, 'queries', jobId),
        query: {
          ...(location === undefined ? {} : { location }),
          ...(pageToken === undefined ? {} : { pageToken }),
          timeoutMs: String(WAIT_MS),
          maxResults: String(ROWS_PER_ANSWER),
        },
      },
      signal,
    )
  }
}
