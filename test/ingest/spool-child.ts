/** Sends events, and ends as MODE says or is killed: `node spool-child.ts URL SPOOL COUNT MODE`. */
import { createClient } from '../../lib/ingest/named-clients.ts'

const [, , apiUrl = '', spool = '', count = '0', mode = ''] = process.argv
const client = createClient({
  token: 'the-project-token',
  apiUrl,
  ...(spool === '' ? {} : { spool }),
  lingerMs: 60_000,
  batchRecords: 5,
  closeTimeoutMs: 3000,
  retry: { retries: { SERVER_FAILED: 1000 }, firstDelayMs: 60_000, delayMaxMs: 60_000 },
  onNotice: () => {},
})
for (let n = 0; n < Number(count); n++) {
  await client.track('e', { n }, { insertId: `id-${n}` })
  await client.engage('ann', '$append', { list: n })
}
if (mode === 'listen') {
  process.once('SIGTERM', () => {
    process.stdout.write('signal\n')
    // Long enough to deliver what is queued, even on a busy machine.
    setTimeout(() => process.exit(7), 3000)
  })
}
process.stdout.write('kept\n')
if (mode === 'throw') throw new Error('nobody catches this')
if (mode === 'exit') process.exit(0)
// Otherwise the process ends by itself.
if (mode === 'stay' || mode === 'listen') setInterval(() => {}, 1000)
