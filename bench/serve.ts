/**
 * `node bench/serve.ts DIRECTORY [FIRST-BYTE-MS]`: serves exports for `mixload backfill`, from
 * compressed files of one day each, and sends the first byte of each after so long. It does nothing
 * else, so that it does not slow down mixload. Prints `{"url":…}` and ends with its standard input.
 */
import { createReadStream, existsSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ME, serveFakeMixpanel } from './fake-mixpanel.ts'

const DAY_MS = 86_400_000
const READ_BYTES = 1024 * 1024

const [directory, firstByteMs = '0'] = process.argv.slice(2)
if (directory === undefined) throw new Error('Usage: node bench/serve.ts DIRECTORY [FIRST-BYTE-MS]')

serveFakeMixpanel(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/api/app/me') response.setHeader('content-type', 'application/json').end(ME)
  else if (pathname === '/api/2.0/export') {
    const from = searchParams.get('from_date') ?? ''
    await sleep(Number(firstByteMs))
    await sendExport(filesOf(directory, from, searchParams.get('to_date') ?? from), response)
  } else response.writeHead(404).end()
})

/** Returns the existing files of these days, in order. */
function filesOf(directory: string, from: string, to: string): readonly string[] {
  const files: string[] = []
  for (let ms = Date.parse(`${from}T00:00:00Z`); ms <= Date.parse(`${to}T00:00:00Z`); ms += DAY_MS) {
    const file = join(directory, `${new Date(ms).toISOString().slice(0, 10)}.ndjson.gz`)
    if (existsSync(file)) files.push(file)
  }
  return files
}

/** Sends gzip files one after the other, which together are a valid gzip file. */
async function sendExport(files: readonly string[], response: ServerResponse): Promise<void> {
  response.setHeader('content-type', 'text/plain')
  if (files.length > 0) response.setHeader('content-encoding', 'gzip')
  try {
    for (const file of files) {
      await pipeline(createReadStream(file, { highWaterMark: READ_BYTES }), response, { end: false })
    }
    response.end()
  } catch {
    // The client has disconnected, or a file is missing. The client sees an incomplete body.
    response.destroy()
  }
}
