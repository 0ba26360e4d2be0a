import { MixloadError } from '../lib/core/errors.ts'
import { secretsOfUrl, withoutSecrets } from '../lib/core/secrets.ts'
import type { CreateDriver, DestinationOptions } from '../lib/destination/contract.ts'
import { maskedFailure } from '../lib/destination/failures.ts'
import type { Retries } from '../lib/destination/retries.ts'
import { Warehouse } from '../lib/destination/warehouse.ts'

/** Drivers by the scheme of their URLs. Each is loaded only when it is named. */
const SCHEMES: Readonly<Record<string, CreateDriver>> = {
  bigquery: async (options) => new (await import('./bigquery/driver.ts')).BigQueryDriver(options),
  duckdb: async (options) => (await import('./duckdb/driver.ts')).createDriver(options),
  memory: async (options) => (await import('./memory/driver.ts')).createDriver(options),
  'npm-package': async (options) => (await import('./third-party/index.ts')).createDriver(options),
  parquet: async (options) => (await import('./parquet/driver.ts')).createDriver(options),
  postgres: async (options) => new (await import('./postgres/driver.ts')).PostgresDriver(options),
  postgresql: async (options) => new (await import('./postgres/driver.ts')).PostgresDriver(options),
}

const KNOWN = 'duckdb:PATH, parquet:DIR, postgres://USER@HOST/DATABASE, bigquery://PROJECT/DATASET or npm-package:NAME'

/**
 * The warehouse that a URL names, not open yet. Without `retries`, transient failures are thrown at
 * once.
 * @throws MixloadError CONFIG_INVALID for a URL that names none.
 */
export async function createWarehouse(options: DestinationOptions, retries?: Retries): Promise<Warehouse> {
  const scheme = /^([a-z][a-z-]*):/.exec(options.url)?.[1] ?? ''
  const createDriver = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined
  if (createDriver !== undefined) {
    const secrets = secretsOfUrl(options.url)
    const warn = (message: string) => options.warn(withoutSecrets(message, secrets))
    try {
      const driver = await createDriver({ ...options, warn })
      return new Warehouse(driver, { engine: options.engine, retries, secrets })
    } catch (error) {
      throw maskedFailure(error, secrets)
    }
  }
  // The URL itself may hold a password.
  const named = scheme === '' ? 'it names no destination' : `${scheme} is not a destination`
  throw new MixloadError('CONFIG_INVALID', `--destination: ${named}. Use ${KNOWN}.`)
}
