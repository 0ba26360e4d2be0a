import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmulator } from '../../test/bigquery-emulator/server.ts'
import { openLink } from '../link.ts'
import { query } from '../query.ts'
import type { TableFacts } from '../table-facts.ts'
import type { OpenPlace, Place, Subject } from './place.ts'

const UPLOAD = fileURLToPath(new URL('../upload-baseline.ts', import.meta.url))
const PROJECT = 'proj'

const FAR_BITS_PER_SECOND = 100_000_000

/** BigQuery's emulator, beside what uploading the same rows as a ready gzip file takes there. */
export const openBigQuery: OpenPlace = (options) => openOver(undefined, options)

/** The same, as far away as the real one is from most. */
export const openFarBigQuery: OpenPlace = (options) => openOver(FAR_BITS_PER_SECOND, options)

async function openOver(
  bitsPerSecond: number | undefined,
  { directory, readyRows }: Parameters<OpenPlace>[0],
): Promise<Place> {
  const emulator = await startEmulator()
  const link = bitsPerSecond === undefined ? undefined : await openLink(emulator.url, bitsPerSecond)
  const endpoint = link?.url ?? emulator.url
  const api = `${emulator.url}/bigquery/v2/projects/${PROJECT}/datasets`
  const clear = async () => {
    for (const dataset of ['mixpanel', 'bare']) {
      await fetch(`${api}/${dataset}?deleteContents=true`, { method: 'DELETE' })
    }
  }
  const factsOf = async (table: string): Promise<TableFacts> => {
    const [dataset, name] = table.split('.')
    const response = await fetch(`${api}/${dataset}/tables/${name}`)
    const { numRows, schema } = (await response.json()) as { numRows: string; schema: { fields: unknown[] } }
    return { rows: Number(numRows), columns: schema.fields.length }
  }
  return {
    destination: `bigquery://${PROJECT}/mixpanel?endpoint=${encodeURIComponent(endpoint)}`,
    clear,
    facts: () => factsOf('mixpanel.export'),
    async baselines() {
      const { file, schema } = await readyFile(directory, await readyRows())
      const upload: Subject = {
        name: 'A: upload of ready gzip',
        prepare: clear,
        program: { script: UPLOAD, args: [endpoint, PROJECT, 'bare', file, schema], cwd: directory },
        facts: () => factsOf('bare.export'),
      }
      return [upload]
    },
    async [Symbol.asyncDispose]() {
      await link?.[Symbol.asyncDispose]()
      await emulator.stop()
    },
  }
}

/** What DuckDB calls a type, and BigQuery. Others have one name in both. */
const TYPES: Readonly<Record<string, string>> = {
  VARCHAR: 'STRING',
  DOUBLE: 'FLOAT64',
  BIGINT: 'INT64',
  BOOLEAN: 'BOOL',
  'TIMESTAMP WITH TIME ZONE': 'TIMESTAMP',
}

/** The rows of a database file as gzip NDJSON, and their schema as JSON. */
async function readyFile(directory: string, database: string): Promise<{ file: string; schema: string }> {
  const file = join(directory, 'ready.ndjson.gz')
  if (!existsSync(file)) {
    await query(`COPY mixpanel.export TO '${file}' (FORMAT json, COMPRESSION gzip)`, database)
  }
  const { rows } = await query('SELECT column_name, column_type FROM (DESCRIBE mixpanel.export)', database)
  const fields = rows.map(([name, type = '']) => ({ name, type: TYPES[type] ?? type }))
  return { file, schema: JSON.stringify({ fields }) }
}
