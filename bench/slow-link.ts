import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A connection to a server with limited bandwidth. */
export interface SlowLink extends AsyncDisposable {
  /** The URL to use instead of the server's. */
  readonly url: string
}

/** How much delay of timers is compensated. */
const TIMER_DELAY_MS = 20

/**
 * Opens a link to an HTTP server. All connections share its bandwidth. Responses are not limited.
 */
export async function openSlowLink(serverUrl: string, bitsPerSecond: number): Promise<SlowLink> {
  const { hostname, port } = new URL(serverUrl)
  const sockets = new Set<Socket>()
  /** When everything sent so far has arrived. */
  let arrivedAt = 0
  const forward = async (from: Socket, to: Socket) => {
    for await (const data of from as AsyncIterable<Buffer>) {
      arrivedAt = Math.max(performance.now() - TIMER_DELAY_MS, arrivedAt) + (data.length * 8000) / bitsPerSecond
      const wait = arrivedAt - performance.now()
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
    forward(client, server).catch(destroy)
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
