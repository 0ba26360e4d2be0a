/**
 * `node bench/serve-pages.ts FILE…`: serves these gzip files as the pages of the profile query. It
 * does nothing else, so that it does not slow down mixload. Prints `{"url":…}` and ends with its
 * standard input.
 */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { ME, serveFakeMixpanel } from './fake-mixpanel.ts'

const files = process.argv.slice(2)

serveFakeMixpanel(async (request, response) => {
  const form = new URLSearchParams(await text(request))
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  response.setHeader('content-type', 'application/json')
  const file = pathname === '/api/query/engage' ? files[Number(form.get('page') ?? 0)] : undefined
  if (pathname === '/api/app/me') response.end(ME)
  else if (file === undefined) response.writeHead(404).end()
  else response.setHeader('content-encoding', 'gzip').end(await readFile(file))
})
