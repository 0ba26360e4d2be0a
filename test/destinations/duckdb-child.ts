/** Another process that uses a DuckDB file: `duckdb-child.ts hold|read|load|load-and-die FILE [TABLE]`. It tells its parent what it does. */
import { DuckDBInstance } from '@duckdb/node-api'
import { createDuckDbDestination } from '../../destinations/duckdb/index.ts'
import { Engine } from '../../lib/engine.ts'
import { messageOf } from '../../lib/errors.ts'
import { COLUMNS, load, makeTable, manyRows, relationOf, thing, unaborted, whenAsked } from '../conformance/rows.ts'
import { storedRow } from './cells.ts'

const [mode = '', path = '', table = ''] = process.argv.slice(2)
const tell = (message: unknown) => process.send?.(message)

async function read(): Promise<void> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  const result = await connection.runAndReadAll(`SELECT * FROM mixpanel."${table}"`)
  const types = new Map(result.columnNames().map((name, at) => [name, result.columnType(at).toString()]))
  tell({ rows: result.getRowObjectsJS().map((row) => storedRow(row, (name) => types.get(name) === 'DATE')) })
  connection.closeSync()
  instance.closeSync()
}

async function open() {
  const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: `${path}.engine-${process.pid}` })
  const destination = createDuckDbDestination({ path, schema: 'mixpanel', engine })
  await destination.open(unaborted())
  return destination
}

try {
  if (mode === 'read') await read()
  if (mode === 'hold') {
    await open()
    tell('open')
  }
  if (mode === 'open') {
    const destination = await open()
    await destination[Symbol.asyncDispose]()
    tell('open')
  }
  if (mode === 'load') {
    const destination = await open()
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('before')]))
    const relation = whenAsked(manyRows(200_000_000, '2026-08-03'), () => tell('loading'))
    await load(destination, 'load-2', relation)
    tell('loaded')
  }
  if (mode === 'load-and-die') {
    const destination = await open()
    await makeTable(destination)
    await load(destination, 'load-1', manyRows(1000, '2026-08-03'))
    process.kill(process.pid, 'SIGKILL')
  }
  // Until the parent lets go.
  if (mode !== 'hold') process.disconnect()
} catch (error) {
  tell({ failed: messageOf(error) })
  process.disconnect()
}
