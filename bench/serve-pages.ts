/**
 * `node bench/serve-pages.ts FILE…`: answers the profile query with these gzip files, one a page. It does nothing else, so
 * that what is measured is mixload. Prints `{"url":…}` and ends when its standard input does.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

const files = process.argv.slice(2)

const ME = JSON.stringify({
  status: 'ok',
  results: { user_name: 'bench', projects: { 1000: { name: 'bench', timezone: 'UTC', domain: 'mixpanel.com' } } },
})

const server = createServer(async (request, response) => {
  const form = new URLSearchParams(await text(request))
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  response.setHeader('content-type', 'application/json')
  const file = pathname === '/api/query/engage' ? files[Number(form.get('page') ?? 0)] : undefined
  if (pathname === '/api/app/me') response.end(ME)
  else if (file === undefined) response.writeHead(404).end()
  else response.setHeader('content-encoding', 'gzip').end(await readFile(file))
})

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`)
})

process.stdin.resume().on('close', () => {
  server.close()
  server.closeAllConnections()
})
