import { randomUUID } from 'node:crypto'
import { startEmulator } from '../bigquery-emulator/server.ts'

/** A BigQuery to test against. */
export interface BigQueryPlace {
  readonly name: string
  readonly project: string
  /** Undefined for Google's own. */
  readonly endpoint: string | undefined
  /** The name of a dataset that does not exist yet. */
  newDataset(): string
  /** Calls the API directly; undefined if it answers 404. */
  ask(method: string, path: string, body?: unknown): Promise<unknown>
  stop(): Promise<void>
}

export async function emulatedBigQuery(): Promise<BigQueryPlace> {
  const emulator = await startEmulator()
  return {
    name: 'bigquery',
    project: 'proj',
    endpoint: emulator.url,
    newDataset: () => `test_${randomUUID().replaceAll('-', '_')}`,
    ask: (method, path, body) => ask(emulator.url, {}, method, path, body),
    stop: () => emulator.stop(),
  }
}

/**
 * Google's own, with Application Default Credentials. `named` is `PROJECT/DATASET`; each dataset
 * gets a suffix.
 */
export async function realBigQuery(named: string): Promise<BigQueryPlace> {
  const [project = '', dataset = ''] = named.split('/')
  if (project === '' || dataset === '') throw new Error('MIXLOAD_TEST_BIGQUERY must be PROJECT/DATASET.')
  const { BigQuery } = await import('@google-cloud/bigquery')
  const client = await new BigQuery({ projectId: project }).authClient.getClient()
  const base = 'https://bigquery.googleapis.com'
  return {
    name: 'bigquery by Google',
    project,
    endpoint: undefined,
    newDataset: () => `${dataset}_${randomUUID().slice(0, 8)}`,
    ask: async (method, path, body) =>
      ask(base, Object.fromEntries(await client.getRequestHeaders(base)), method, path, body),
    stop: async () => {},
  }
}

async function ask(
  base: string,
  headers: Readonly<Record<string, string>>,
  method: string,
  path: string,
  body: unknown,
): Promise<unknown> {
  const response = await fetch(`${base}/bigquery/v2/projects/${path}`, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (response.status === 404) return undefined
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text === '' ? {} : JSON.parse(text)
}
