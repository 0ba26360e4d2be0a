import { MixloadError } from '../lib/core/errors.ts'
import type { CreateDriver, DestinationOptions } from '../lib/destination/contract.ts'
import type { Retries } from '../lib/destination/retries.ts'
import { Warehouse } from '../lib/destination/warehouse.ts'

/** By the scheme of the URL. Each driver is loaded only when it is named. */
const SCHEMES: Readonly<Record<string, () => Promise<CreateDriver>>> = {
  bigquery: async () => (await import('./bigquery/index.ts')).createDriver,
  duckdb: async () => (await import('./duckdb/index.ts')).createDriver,
  memory: async () => (await import('./memory/index.ts')).createDriver,
  'npm-package': async () => (await import('./third-party/index.ts')).createDriver,
  parquet: async () => (await import('./parquet/index.ts')).createDriver,
  postgres: async () => (await import('./postgres/index.ts')).createDriver,
  postgresql: async () => (await import('./postgres/index.ts')).createDriver,
}

const KNOWN = 'duckdb:PATH, parquet:DIR, postgres://USER@HOST/DATABASE, bigquery://PROJECT/DATASET or npm-package:NAME'

/**
 * The warehouse that a URL names, not open yet. Without `retries`, failures that may pass are
 * thrown at once.
 * @throws MixloadError CONFIG_INVALID for a URL that names none.
 */
export async function createWarehouse(options: DestinationOptions, retries?: Retries): Promise<Warehouse> {
  const scheme = /^([a-z][a-z-]*):/.exec(options.url)?.[1] ?? ''
  const load = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined
  if (load !== undefined) {
    const createDriver = await load()
    return new Warehouse(await createDriver(options), { engine: options.engine, retries })
  }
  // The URL itself may hold a password.
  const named = scheme === '' ? 'it names no destination' : `there is no destination ${scheme}`
  throw new MixloadError('CONFIG_INVALID', `--destination: ${named}. Use ${KNOWN}.`)
}
