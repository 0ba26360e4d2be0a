/**
 * `node bench/serve-nights.ts DIRECTORY NIGHT_FILE`: serves the exports of a directory as they are
 * on the night that the file names: of a day that has just ended 5 % of the events are still
 * missing, and of the nights after that 2, 1 and 0.5 %. Prints `{"url":…}` and ends with its
 * standard input.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { ME, serveFakeMixpanel } from './fake-mixpanel.ts'

const DAY_MS = 86_400_000
const MISSING = [0.05, 0.02, 0.01, 0.005]

const [directory, nightFile] = process.argv.slice(2)
if (directory === undefined || nightFile === undefined)
  throw new Error('Usage: node bench/serve-nights.ts DIRECTORY FILE')

serveFakeMixpanel((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/api/app/me') return response.setHeader('content-type', 'application/json').end(ME)
  if (pathname !== '/api/2.0/export') return response.writeHead(404).end()
  const from = Date.parse(searchParams.get('from_date') ?? '')
  const to = Date.parse(searchParams.get('to_date') ?? '')
  const bodies: Buffer[] = []
  for (let ms = from; ms <= to; ms += DAY_MS) bodies.push(linesOf(new Date(ms).toISOString().slice(0, 10)))
  response.setHeader('content-type', 'text/plain').setHeader('content-encoding', 'gzip')
  return response.end(gzipSync(Buffer.concat(bodies)))
})

/** The lines of a day that have arrived. */
function linesOf(day: string): Buffer {
  const path = join(directory as string, `${day}.ndjson.gz`)
  if (!existsSync(path)) return Buffer.alloc(0)
  const lines = gunzipSync(readFileSync(path)).toString().trimEnd().split('\n')
  const nights = (Date.parse(readFileSync(nightFile as string, 'utf8').trim()) - Date.parse(day)) / DAY_MS
  const arrived = Math.floor(lines.length * (1 - (MISSING[nights] ?? 0)))
  return Buffer.from(`${lines.slice(0, arrived).join('\n')}\n`)
}
