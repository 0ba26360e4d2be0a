/**
 * `node bench/upload-baseline.ts ENDPOINT PROJECT DATASET FILE SCHEMA`: makes a dataset, loads a gzip file of NDJSON into
 * its table `export`, partitioned and clustered as mixload has it, and does nothing else.
 */
import { BigQuery } from '@google-cloud/bigquery'

const [endpoint, projectId, datasetId, file, schema] = process.argv.slice(2)
if (endpoint === undefined || projectId === undefined || datasetId === undefined || file === undefined) {
  throw new Error('Usage: node bench/upload-baseline.ts ENDPOINT PROJECT DATASET FILE SCHEMA')
}
// With a token, though the options' types do not know it, no credentials are looked for.
const options = { projectId, apiEndpoint: endpoint, token: 'none' }
const bigquery = new BigQuery(options)
const [dataset] = await bigquery.createDataset(datasetId)
await dataset.table('export').load(file, {
  sourceFormat: 'NEWLINE_DELIMITED_JSON',
  schema: JSON.parse(schema ?? '{}'),
  timePartitioning: { type: 'DAY', field: '_day' },
  clustering: { fields: ['event', 'distinct_id'] },
})
