/**
 * Another process that uses a DuckDB file, and reports to its parent what it does:
 * `duckdb-child.ts read|open|hold|load|load-group|load-and-die FILE [TABLE] [DIRECTORY]`.
 */
import { DuckDBInstance } from '@duckdb/node-api'
import { DuckDbDriver } from '../../destinations/duckdb/driver.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { COLUMNS, load, makeTable, manyRows, relationOf, thing, unaborted, whenAsked } from '../conformance/rows.ts'
import { storedRows } from './cells.ts'
import { hold, loadGroupSlowly, openAndClose, report, reportFailure } from './child-work.ts'

const [mode = '', path = '', table = '', temporaryDirectory = `${path}.engine-${process.pid}`] = process.argv.slice(2)

async function read(): Promise<void> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  await report({ rows: storedRows(await connection.runAndReadAll(`SELECT * FROM mixpanel."${table}"`)) })
  connection.closeSync()
  instance.closeSync()
}

async function open() {
  const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory })
  const destination = new Warehouse(new DuckDbDriver({ path, schema: 'mixpanel', engine }), { engine })
  await destination.open(unaborted())
  return destination
}

try {
  if (mode === 'read') await read()
  if (mode === 'hold') await hold(open)
  if (mode === 'open') await openAndClose(open)
  if (mode === 'load') {
    const destination = await open()
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('before')]))
    const relation = whenAsked(manyRows(200_000_000, '2026-08-03'), () => void report('loading'))
    await load(destination, 'load-2', relation)
    await report('loaded')
  }
  if (mode === 'load-group') await loadGroupSlowly(await open())
  if (mode === 'load-and-die') {
    const destination = await open()
    await makeTable(destination)
    await load(destination, 'load-1', manyRows(1000, '2026-08-03'))
    process.kill(process.pid, 'SIGKILL')
  }
  if (mode !== 'hold') process.disconnect()
} catch (error) {
  await reportFailure(error)
}
