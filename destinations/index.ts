import type { Destination } from '../lib/destination.ts'
import type { Engine } from '../lib/engine.ts'
import { MixloadError } from '../lib/errors.ts'

export interface DestinationOptions {
  /** Such as `duckdb:warehouse.duckdb`. */
  readonly url: string
  readonly schema: string
  readonly engine: Engine
}

/**
 * The destination that a URL names. Its driver is loaded only now.
 * @throws MixloadError CONFIG_INVALID for a URL that names none.
 */
export async function createDestination({ url, schema, engine }: DestinationOptions): Promise<Destination> {
  const [, scheme = '', rest = ''] = /^(\w+):(.*)$/s.exec(url) ?? []
  if (scheme === 'duckdb' && rest !== '') {
    const { createDuckDbDestination } = await import('./duckdb/index.ts')
    return createDuckDbDestination({ path: rest, schema, engine })
  }
  if (scheme === 'memory' && rest === '') {
    const { createMemoryDestination } = await import('./memory/index.ts')
    return createMemoryDestination({ engine })
  }
  // The URL itself may hold a password.
  const named = scheme === '' ? 'it has no scheme' : `there is no destination ${scheme}`
  throw new MixloadError('CONFIG_INVALID', `--destination: ${named}. Use duckdb:PATH, such as duckdb:warehouse.duckdb.`)
}
