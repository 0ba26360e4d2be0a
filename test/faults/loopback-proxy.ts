import { createServer, request, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/**
 * An HTTP proxy on loopback, which notes what goes through it: `CONNECT host:port`, or the method
 * and URL.
 */
export class LoopbackProxy implements AsyncDisposable {
  readonly seen: { readonly what: string; readonly authorization: string | undefined }[] = []
  readonly #server: Server
  readonly #sockets = new Set<Duplex>()

  private constructor(password: string | undefined) {
    const isLetIn = (authorization: string | undefined) =>
      password === undefined || authorization === `Basic ${Buffer.from(`user:${password}`).toString('base64')}`
    this.#server = createServer((incoming, answer) => {
      const authorization = incoming.headers['proxy-authorization']
      this.seen.push({ what: `${incoming.method} ${incoming.url}`, authorization })
      if (!isLetIn(authorization)) answer.writeHead(407).end('Sign in first')
      else {
        const onwards = request(
          incoming.url ?? '',
          { method: incoming.method ?? 'GET', headers: incoming.headers },
          (came) => {
            answer.writeHead(came.statusCode ?? 502, came.headers)
            came.pipe(answer)
          },
        )
        incoming.pipe(onwards)
      }
    })
    this.#server.on('connect', (incoming, client: Socket) => {
      const authorization = incoming.headers['proxy-authorization']
      this.seen.push({ what: `CONNECT ${incoming.url}`, authorization })
      if (!isLetIn(authorization)) {
        client.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n')
        return
      }
      const { hostname, port } = new URL(`http://${incoming.url}`)
      const server = connect(Number(port), hostname, () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
        server.pipe(client).pipe(server)
      })
      for (const socket of [client, server]) {
        this.#sockets.add(socket)
        socket.on('error', () => socket.destroy())
      }
    })
  }

  /** Where a password is given, only `user` with it is let through. */
  static async start(password?: string): Promise<LoopbackProxy> {
    const proxy = new LoopbackProxy(password)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  /** `user:password@127.0.0.1:port`, where they are given. */
  url(login = ''): string {
    return `http://${login === '' ? '' : `${login}@`}127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
