import { MixloadError } from '../core/errors.ts'
import { IngestClient } from './client.ts'
import type { IngestOptions } from './client-options.ts'
import type { Report } from './report.ts'

/** Clients that have a name, by it. */
const RUNNING = new Map<string, IngestClient>()

/**
 * Starts a client. Several live side by side; one with a name can be had by that name from anywhere in the process.
 * @throws MixloadError CONFIG_INVALID naming what is wrong; ALREADY_STARTED where the name is in use.
 */
export function createClient(options: IngestOptions): IngestClient {
  const name = options?.name
  if (name !== undefined && RUNNING.has(name)) {
    throw new MixloadError(
      'ALREADY_STARTED',
      `A client called ${name} is running already. Stop it, or choose another name.`,
    )
  }
  const client = new IngestClient(options, () => {
    if (name !== undefined && RUNNING.get(name) === client) RUNNING.delete(name)
  })
  if (name !== undefined) RUNNING.set(name, client)
  return client
}

/** @throws MixloadError NOT_FOUND where no client of this name is running. */
export function clientNamed(name: string): IngestClient {
  const client = RUNNING.get(name)
  if (client === undefined) {
    const others = [...RUNNING.keys()].join(', ')
    throw new MixloadError('NOT_FOUND', `No client called ${name} is running. Running: ${others || 'none'}.`)
  }
  return client
}

/**
 * Closes the client of this name, after which the name is free.
 * @throws MixloadError NOT_FOUND where there is none; what `close` throws.
 */
export async function stopClient(name: string): Promise<Report> {
  return clientNamed(name).close()
}
