/**
 * Sends events without end, and prints the number of each when it is in the spool: `node
 * endless-child.ts URL SPOOL FIRST`. Ends with 3 if the spool cannot be written.
 */
import { isFailure } from '../../lib/core/errors.ts'
import { createClient } from '../../lib/ingest/named-clients.ts'

const [, , apiUrl = '', spool = '', first = '0'] = process.argv
const client = createClient({
  token: 'the-project-token',
  apiUrl,
  spool,
  lingerMs: 5,
  batchRecords: 20,
  onNotice: () => {},
})
try {
  for (let n = Number(first); ; n++) {
    await client.track('e', { n, text: 'x'.repeat(500) }, { insertId: `id-${n}`, distinctId: 'ann' })
    process.stdout.write(`${n}\n`)
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exit(isFailure(error, 'SPOOL_FAILED') ? 3 : 1)
}
