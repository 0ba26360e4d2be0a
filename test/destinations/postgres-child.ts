/**
 * Another process that has a Postgres destination open, and reports to its parent:
 * `postgres-child.ts hold|load|load-group URL SCHEMA DIRECTORY`.
 */
import { PostgresDriver } from '../../destinations/postgres/driver.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { COLUMNS, load, makeTable, manyRows, relationOf, thing, unaborted, whenAsked } from '../conformance/rows.ts'
import { loadGroupSlowly, report, reportFailure, stayAlive } from './child-work.ts'

const [mode = '', url = '', schema = '', workDirectory = ''] = process.argv.slice(2)

try {
  const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: `${workDirectory}/engine` })
  const destination = new Warehouse(new PostgresDriver({ url, schema, engine, workDirectory }), { engine })
  await destination.open(unaborted())
  stayAlive()
  if (mode === 'hold') await report('open')
  if (mode === 'load') {
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('before')]))
    const relation = whenAsked(manyRows(200_000_000, '2026-08-03'), () => void report('loading'))
    await load(destination, 'load-2', relation)
    await report('loaded')
  }
  if (mode === 'load-group') await loadGroupSlowly(destination)
} catch (error) {
  await reportFailure(error)
}
