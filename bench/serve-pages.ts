/**
 * `node bench/serve-pages.ts FILE…`: answers the profile query with these gzip files, one a page. It does nothing else, so
 * that what is measured is mixload. Prints `{"url":…}` and ends when its standard input does.
 */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { ME, standIn } from './stand-in.ts'

const files = process.argv.slice(2)

standIn(async (request, response) => {
  const form = new URLSearchParams(await text(request))
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  response.setHeader('content-type', 'application/json')
  const file = pathname === '/api/query/engage' ? files[Number(form.get('page') ?? 0)] : undefined
  if (pathname === '/api/app/me') response.end(ME)
  else if (file === undefined) response.writeHead(404).end()
  else response.setHeader('content-encoding', 'gzip').end(await readFile(file))
})
