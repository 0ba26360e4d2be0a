import { describe, it } from 'vitest'
import { expectEmptyModels, expectStrangeModels, type StrangePlace } from './strange-models.ts'
import { duckdb, postgres } from './warehouses.ts'

const RAW = { schema: 'Raw data', quoted: '"Raw data"' }

describe.each<[string, StrangePlace]>([
  ['DuckDB', { newWarehouse: duckdb, ...RAW }],
  ['Postgres', { newWarehouse: postgres, ...RAW }],
])('models over strange data on %s', (_, place) => {
  it(
    'have every value as it was sent, also when columns, companions and properties come later',
    {
      timeout: 600_000,
    },
    () => expectStrangeModels(place),
  )

  it('are empty where a project has nothing', { timeout: 600_000 }, () => expectEmptyModels(place))
})
