/** Another process that has a dataset open: `bigquery-child.ts hold PROJECT ENDPOINT DATASET DIRECTORY`. */
import { createBigQueryDestination } from '../../destinations/bigquery/index.ts'
import { messageOf } from '../../lib/errors.ts'
import { unaborted } from '../conformance/rows.ts'
import { optionsFor } from './bigquery-harness.ts'
import { newEngine } from './duckdb-harness.ts'

const [, project = '', endpoint = '', dataset = '', directory = ''] = process.argv.slice(2)
const tell = (message: unknown) => new Promise((sent) => process.send?.(message, sent))

try {
  const engine = await newEngine(`${directory}/child-${process.pid}`)
  const place = { project, endpoint: endpoint === '' ? undefined : endpoint }
  await createBigQueryDestination(optionsFor(place, dataset, engine, directory)).open(unaborted())
  // Listening keeps the process alive for as long as its parent has the channel open.
  process.on('message', () => {})
  await tell('open')
} catch (error) {
  await tell({ failed: messageOf(error) })
  process.disconnect()
}
