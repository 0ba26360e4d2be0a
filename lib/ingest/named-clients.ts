import { MixloadError } from '../core/errors.ts'
import { IngestClient } from './client.ts'
import type { IngestOptions } from './client-options.ts'
import type { DeliveryReport } from './report.ts'

const CLIENTS_BY_NAME = new Map<string, IngestClient>()

/** Creates a client, which runs until it is closed. {@link clientNamed} finds it by its name. */
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

/** Returns the running client with this name. Throws NOT_FOUND if there is none. */
export function clientNamed(name: string): IngestClient {
  const client = CLIENTS_BY_NAME.get(name)
  if (client === undefined) {
    const running = [...CLIENTS_BY_NAME.keys()].join(', ')
    throw new MixloadError('NOT_FOUND', `No client named ${name} is running. Running: ${running || 'none'}.`)
  }
  return client
}

/** Closes the client with this name, which frees the name. Throws what `close` throws. */
export async function stopClient(name: string): Promise<DeliveryReport> {
  return clientNamed(name).close()
}
