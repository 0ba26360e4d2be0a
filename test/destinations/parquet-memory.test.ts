import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ParquetDriver } from '../../destinations/parquet/driver.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { readNdjson } from '../../lib/transform/spool-reader.ts'
import { load, makeTable, manyRows, TABLE, unaborted } from '../conformance/rows.ts'
import { newEngine } from './engine.ts'

const DAY = '2026-08-03'
const COUNT = 60_000

it('texts that are too long for the memory of several threads are written by one thread', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  try {
    await using roomy = await newEngine(directory)
    const connection = await roomy.connect()
    const rows = manyRows(COUNT, DAY)
    const long = "array_to_string(list_transform(range(40), lambda part : md5(concat(name, part))), '')"
    const file = join(directory, 'rows.ndjson')
    await connection.run(`COPY (SELECT * REPLACE (${long} AS name) FROM (${rows.query})) TO '${file}' (FORMAT json)`)

    await using engine = await Engine.create({
      memoryLimit: '150MB',
      temporaryDirectory: join(directory, 'engine'),
      threads: 4,
    })
    await using destination = new Warehouse(
      new ParquetDriver({ directory: join(directory, 'lake'), engine, warn: () => {} }),
      { engine },
    )
    await destination.open(unaborted())
    await makeTable(destination)
    // Unlike a query that makes rows, a file is read by all threads.
    const columns = ["_day: 'DATE'", "name: 'VARCHAR'", "amount: 'DOUBLE'"]
    await load(destination, 'load-1', { ...rows, query: `SELECT * FROM ${readNdjson([file], columns, 2000)}` })
    expect(await destination.ledger(TABLE)).toMatchObject([{ rowCount: COUNT }])
    const files = `read_parquet('${join(directory, 'lake', TABLE, '*', '*.parquet')}')`
    expect(await connection.all(`SELECT count(*) AS n, min(length(name)) AS l FROM ${files}`)).toEqual([
      { n: BigInt(COUNT), l: 1280n },
    ])
    connection.close()
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
