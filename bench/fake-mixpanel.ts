import { createServer, type RequestListener } from 'node:http'

/** Mixpanel's description of the project that the benchmarks load. */
export const ME = JSON.stringify({
  status: 'ok',
  results: { user_name: 'bench', projects: { 1000: { name: 'bench', timezone: 'UTC', domain: 'mixpanel.com' } } },
})

/** Serves instead of Mixpanel until standard input ends. Prints `{"url":…}`. */
export function serveFakeMixpanel(listener: RequestListener): void {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`)
  })
  process.stdin.resume().on('close', () => {
    server.close()
    server.closeAllConnections()
  })
}
