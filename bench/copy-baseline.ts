/** `node bench/copy-baseline.ts URL TABLE CSV`: only copies a CSV file into a Postgres table. */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'

const [url, table, csv] = process.argv.slice(2)
if (url === undefined || table === undefined || csv === undefined) {
  throw new Error('Usage: node bench/copy-baseline.ts URL TABLE CSV')
}
const client = new pg.Client({ connectionString: url })
await client.connect()
await pipeline(
  createReadStream(csv, { highWaterMark: 1024 * 1024 }),
  client.query(copyFrom(`COPY ${table} FROM STDIN (FORMAT csv)`)),
)
await client.end()
