/**
 * Sends what its arguments say and is killed, or ends by itself: `node spool-child.ts URL SPOOL
 * COUNT MODE [CLOSE_TIMEOUT_MS]`.
 */
import { createClient } from '../../lib/ingest/named-clients.ts'

const [, , apiUrl = '', spool = '', count = '0', mode = '', closeTimeoutMs = '3000'] = process.argv
const client = createClient({
  token: 'the-project-token',
  apiUrl,
  ...(spool === '' ? {} : { spool }),
  lingerMs: 60_000,
  batchRecords: 5,
  closeTimeoutMs: Number(closeTimeoutMs),
  retry: { retries: { SERVER_FAILED: 1000 }, firstDelayMs: 60_000, delayMaxMs: 60_000 },
  onNotice: () => {},
})
for (let n = 0; n < Number(count); n++) {
  await client.track('e', { n }, { insertId: `id-${n}` })
  await client.engage('ann', '$append', { list: n })
}
if (mode === 'listen') {
  process.once('SIGTERM', () => {
    process.stdout.write('asked\n')
    process.once('SIGUSR2', () => process.exit(7))
  })
}
process.stdout.write('kept\n')
if (mode === 'throw') throw new Error('nobody catches this')
if (mode === 'exit') process.exit(0)
// Otherwise the process has nothing more to do.
if (mode === 'stay' || mode === 'listen') setInterval(() => {}, 1000)
