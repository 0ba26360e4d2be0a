import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A way to a server that is no faster than a line to it would be. */
export interface Link extends AsyncDisposable {
  /** In place of the server's own. */
  readonly url: string
}

/** Timers are late by some of this, which is made up for. */
const LATE_MS = 20

/** A link of so many bits a second to an HTTP server. All connections share it; what comes back is not held up. */
export async function openLink(serverUrl: string, bitsPerSecond: number): Promise<Link> {
  const { hostname, port } = new URL(serverUrl)
  const sockets = new Set<Socket>()
  /** When all that has been sent so far is through. */
  let throughAt = 0
  const carry = async (from: Socket, to: Socket) => {
    for await (const data of from as AsyncIterable<Buffer>) {
      throughAt = Math.max(performance.now() - LATE_MS, throughAt) + (data.length * 8000) / bitsPerSecond
      const wait = throughAt - performance.now()
      if (wait > 0) await sleep(wait)
      if (!to.write(data)) await once(to, 'drain')
    }
    to.end()
  }
  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    const destroy = () => void [client.destroy(), server.destroy()]
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', destroy).on('close', () => sockets.delete(socket))
    }
    server.pipe(client)
    carry(client, server).catch(destroy)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
