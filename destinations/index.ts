import { MixloadError } from '../lib/core/errors.ts'
import type { CreateDestination, Destination, DestinationOptions } from '../lib/destination/contract.ts'

/** By the scheme of the URL. Each driver is loaded only when it is named. */
const SCHEMES: Readonly<Record<string, () => Promise<CreateDestination>>> = {
  bigquery: async () => (await import('./bigquery/index.ts')).fromOptions,
  duckdb: async () => (await import('./duckdb/index.ts')).fromOptions,
  memory: async () => (await import('./memory/index.ts')).fromOptions,
  'npm-package': async () => (await import('./third-party/index.ts')).fromOptions,
  parquet: async () => (await import('./parquet/index.ts')).fromOptions,
  postgres: async () => (await import('./postgres/index.ts')).fromOptions,
  postgresql: async () => (await import('./postgres/index.ts')).fromOptions,
}

const KNOWN = 'duckdb:PATH, parquet:DIR, postgres://USER@HOST/DATABASE, bigquery://PROJECT/DATASET or npm-package:NAME'

/**
 * The destination that a URL names.
 * @throws MixloadError CONFIG_INVALID for a URL that names none.
 */
export async function createDestination(options: DestinationOptions): Promise<Destination> {
  const scheme = /^([a-z][a-z-]*):/.exec(options.url)?.[1] ?? ''
  const load = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined
  if (load !== undefined) return (await load())(options)
  // The URL itself may hold a password.
  const named = scheme === '' ? 'it names no destination' : `there is no destination ${scheme}`
  throw new MixloadError('CONFIG_INVALID', `--destination: ${named}. Use ${KNOWN}.`)
}
