import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmulator } from '../../test/bigquery-emulator/server.ts'
import { query } from '../query.ts'
import { openSlowLink } from '../slow-link.ts'
import type { TableSize } from '../table-size.ts'
import type { OpenTarget, Subject, Target } from './target.ts'

const UPLOAD = fileURLToPath(new URL('../upload-baseline.ts', import.meta.url))
const PROJECT = 'proj'

const REMOTE_BITS_PER_SECOND = 100_000_000

/** BigQuery's emulator, compared with uploading the same rows as a prepared gzip file. */
export const openBigQuery: OpenTarget = (options) => openWithBandwidth(undefined, options)

/** The same over a slow link, as BigQuery usually is. */
export const openRemoteBigQuery: OpenTarget = (options) => openWithBandwidth(REMOTE_BITS_PER_SECOND, options)

async function openWithBandwidth(
  bitsPerSecond: number | undefined,
  { directory, loadedRows }: Parameters<OpenTarget>[0],
): Promise<Target> {
  const emulator = await startEmulator()
  const link = bitsPerSecond === undefined ? undefined : await openSlowLink(emulator.url, bitsPerSecond)
  const endpoint = link?.url ?? emulator.url
  const api = `${emulator.url}/bigquery/v2/projects/${PROJECT}/datasets`
  const clear = async () => {
    for (const dataset of ['mixpanel', 'bare']) {
      await fetch(`${api}/${dataset}?deleteContents=true`, { method: 'DELETE' })
    }
  }
  const sizeOf = async (table: string): Promise<TableSize> => {
    const [dataset, name] = table.split('.')
    const response = await fetch(`${api}/${dataset}/tables/${name}`)
    const { numRows, schema } = (await response.json()) as { numRows: string; schema: { fields: unknown[] } }
    return { rows: Number(numRows), columns: schema.fields.length }
  }
  return {
    destination: `bigquery://${PROJECT}/mixpanel?endpoint=${encodeURIComponent(endpoint)}`,
    clear,
    size: () => sizeOf('mixpanel.export'),
    async baselines() {
      const { file, schema } = await prepareFile(directory, await loadedRows())
      const upload: Subject = {
        name: 'A: upload of prepared gzip',
        prepare: clear,
        program: { script: UPLOAD, args: [endpoint, PROJECT, 'bare', file, schema], cwd: directory },
        size: () => sizeOf('bare.export'),
      }
      return [upload]
    },
    async [Symbol.asyncDispose]() {
      await link?.[Symbol.asyncDispose]()
      await emulator.stop()
    },
  }
}

/** BigQuery's types by DuckDB's. All others have the same name in both. */
const TYPES: Readonly<Record<string, string>> = {
  VARCHAR: 'STRING',
  DOUBLE: 'FLOAT64',
  BIGINT: 'INT64',
  BOOLEAN: 'BOOL',
  'TIMESTAMP WITH TIME ZONE': 'TIMESTAMP',
}

/** Returns the rows of a database file as gzip NDJSON, and their schema as JSON. */
async function prepareFile(directory: string, database: string): Promise<{ file: string; schema: string }> {
  const file = join(directory, 'prepared.ndjson.gz')
  if (!existsSync(file)) {
    await query(`COPY mixpanel.export TO '${file}' (FORMAT json, COMPRESSION gzip)`, database)
  }
  const { rows } = await query('SELECT column_name, column_type FROM (DESCRIBE mixpanel.export)', database)
  const fields = rows.map(([name, type = '']) => ({ name, type: TYPES[type] ?? type }))
  return { file, schema: JSON.stringify({ fields }) }
}
