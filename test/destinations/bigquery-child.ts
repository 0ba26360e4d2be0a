/**
 * A process that has a dataset open: `bigquery-child.ts hold|load PROJECT ENDPOINT DATASET
 * DIRECTORY`. With `load` it loads day after day until it is killed, and reports each load.
 */
import { BigQueryDriver } from '../../destinations/bigquery/driver.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { load, manyRows, rejectsOf, unaborted } from '../conformance/rows.ts'
import { optionsFor } from './bigquery-harness.ts'
import { report, reportFailure, stayAlive } from './child-work.ts'
import { newEngine } from './engine.ts'

const [mode = '', project = '', endpoint = '', dataset = '', directory = ''] = process.argv.slice(2)

try {
  const engine = await newEngine(`${directory}/child-${process.pid}`)
  const place = { project, endpoint: endpoint === '' ? undefined : endpoint }
  const destination = new Warehouse(new BigQueryDriver(optionsFor(place, dataset, engine, directory)), { engine })
  await destination.open(unaborted())
  stayAlive()
  await report('open')
  for (let at = 0; mode === 'load'; at++) {
    await load(destination, `${process.pid}-${at}`, manyRows(100, '2026-08-03'), { rejects: rejectsOf('x') })
    await report('loaded')
  }
} catch (error) {
  await reportFailure(error)
}
