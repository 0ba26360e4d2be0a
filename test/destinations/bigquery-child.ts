/**
 * Another process that has a dataset open: `bigquery-child.ts hold|load PROJECT ENDPOINT DATASET DIRECTORY`. With `load`
 * it loads day after day until it is killed, and tells of each.
 */
import { createBigQueryDestination } from '../../destinations/bigquery/index.ts'
import { messageOf } from '../../lib/errors.ts'
import { load, manyRows, rejectsOf, unaborted } from '../conformance/rows.ts'
import { optionsFor } from './bigquery-harness.ts'
import { newEngine } from './duckdb-harness.ts'

const [mode = '', project = '', endpoint = '', dataset = '', directory = ''] = process.argv.slice(2)
const tell = (message: unknown) => new Promise((sent) => process.send?.(message, sent))

try {
  const engine = await newEngine(`${directory}/child-${process.pid}`)
  const place = { project, endpoint: endpoint === '' ? undefined : endpoint }
  const destination = createBigQueryDestination(optionsFor(place, dataset, engine, directory))
  await destination.open(unaborted())
  // Listening keeps the process alive for as long as its parent has the channel open.
  process.on('message', () => {})
  await tell('open')
  for (let at = 0; mode === 'load'; at++) {
    await load(destination, `${process.pid}-${at}`, manyRows(100, '2026-08-03'), { rejects: rejectsOf('x') })
    await tell('loaded')
  }
} catch (error) {
  await tell({ failed: messageOf(error) })
  process.disconnect()
}
