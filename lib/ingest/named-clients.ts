import { MixloadError } from '../core/errors.ts'
import { IngestClient } from './client.ts'
import type { IngestOptions } from './client-options.ts'
import type { DeliveryReport } from './report.ts'

const CLIENTS_BY_NAME = new Map<string, IngestClient>()

/**
 * Creates a client, which runs until it is closed. A program can have several. A client with a name
 * can be found by that name anywhere in the process.
 * @throws MixloadError CONFIG_INVALID naming the wrong option; ALREADY_STARTED if the name is in
 *   use.
 */
export function createClient(options: IngestOptions): IngestClient {
  const name = options?.name
  if (name !== undefined && CLIENTS_BY_NAME.has(name)) {
    const message = `A client named ${name} is already running. Stop it first, or use another name.`
    throw new MixloadError('ALREADY_STARTED', message)
  }
  const client = new IngestClient(options, () => {
    if (name !== undefined && CLIENTS_BY_NAME.get(name) === client) CLIENTS_BY_NAME.delete(name)
  })
  if (name !== undefined) CLIENTS_BY_NAME.set(name, client)
  return client
}

/**
 * Returns the running client with this name.
 * @throws MixloadError NOT_FOUND if there is none.
 */
export function clientNamed(name: string): IngestClient {
  const client = CLIENTS_BY_NAME.get(name)
  if (client === undefined) {
    const running = [...CLIENTS_BY_NAME.keys()].join(', ')
    throw new MixloadError('NOT_FOUND', `No client named ${name} is running. Running: ${running || 'none'}.`)
  }
  return client
}

/**
 * Closes the client with this name, which frees the name.
 * @throws MixloadError NOT_FOUND if there is none; what `close` throws.
 */
export async function stopClient(name: string): Promise<DeliveryReport> {
  return clientNamed(name).close()
}
