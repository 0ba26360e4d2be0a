import { once } from 'node:events'
import { createServer } from 'node:http'
import type { TestProject } from 'vitest/node'
import { type PostgresServer, type PostgresVersion, startPostgres } from './server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where test files ask for servers that they share. */
    postgresServers: string
  }
}

/**
 * Starts one server of a version for all test files, when the first of them asks for it: most runs
 * need none.
 */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const servers = new Map<PostgresVersion, Promise<PostgresServer>>()
  const desk = createServer(async (request, response) => {
    try {
      const version = Number(request.url?.slice(1)) as PostgresVersion
      const server = servers.get(version) ?? startPostgres({ version })
      servers.set(version, server)
      response.end((await server).url)
    } catch (error) {
      response.writeHead(500).end(String(error))
    }
  }).listen(0, '127.0.0.1')
  await once(desk, 'listening')
  const address = desk.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  provide('postgresServers', `http://127.0.0.1:${address.port}`)
  return async () => {
    desk.closeAllConnections()
    desk.close()
    for (const server of servers.values()) await (await server).stop()
  }
}
