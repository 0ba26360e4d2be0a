import { randomUUID } from 'node:crypto'
import type { BigQuery, Job } from '@google-cloud/bigquery'
import { rowAlias } from '../../../lib/columns/naming.ts'
import type { TakeRows } from '../../../lib/destination/contract.ts'
import { isStatus } from './api-failure.ts'
import { type BigQueryClient, isOfCreatedJob } from './client.ts'
import { at, textOf } from './json.ts'

/** A query that scans more causes a warning, because on-demand prices go by the bytes scanned. */
const WARNED_BYTES = 1_000_000_000
const ROWS_PER_PAGE = 20_000

/** Runs a query and hands over its rows by pages. */
export async function queryRows(
  client: BigQueryClient,
  sql: string,
  take: TakeRows,
  warn: (message: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const row = rowAlias(sql)
  const query = `SELECT TO_JSON_STRING(${row}) AS json FROM (${sql}\n) AS ${row}`
  const job = await startQuery(client.withSignal(signal), query, warn)
  let count = 0
  for (let pageToken: string | undefined; ; ) {
    const page = { maxResults: ROWS_PER_PAGE, autoPaginate: false, ...(pageToken === undefined ? {} : { pageToken }) }
    const [rows, next] = await job.getQueryResults(page)
    count += rows.length
    if (rows.length > 0) await take(rows.map((row) => textOf(at(row, 'json')) ?? 'null'))
    // While the query runs, a page has no rows, and the next request has no token.
    if (next === undefined || next === null) return count
    pageToken = next.pageToken
  }
}

/** The bytes that a query scans, as a dry run shows, which is free. */
export async function scannedBytes(bigquery: BigQuery, query: string): Promise<number> {
  const [dryRun] = await bigquery.createQueryJob({ query, dryRun: true })
  return Number(at(dryRun.metadata, 'statistics', 'totalBytesProcessed') ?? 0)
}

/** Warns of a query that scans so much that it costs something. */
export async function warnOfScan(bigquery: BigQuery, query: string, warn: (message: string) => void): Promise<void> {
  const bytes = await scannedBytes(bigquery, query)
  if (bytes < WARNED_BYTES) return
  warn(`BigQuery scans ${(bytes / 1e9).toFixed(1)} GB for a query, which it may charge for.`)
}

async function startQuery(bigquery: BigQuery, query: string, warn: (message: string) => void): Promise<Job> {
  await warnOfScan(bigquery, query, warn)
  const jobId = `mixload_query_${randomUUID()}`
  try {
    const [job] = await bigquery.createQueryJob({ query, jobId })
    return job
  } catch (error) {
    // The answer to an attempt before was lost, or the query has failed, which its results will
    // say.
    if (isStatus(error, 409) || isOfCreatedJob(error)) return bigquery.job(jobId)
    throw error
  }
}
