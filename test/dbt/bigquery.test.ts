import { it } from 'vitest'
import { expectPackage } from './package.ts'
import { bigquery } from './warehouses.ts'

it("the dbt package has on BigQuery's emulator what a plain model has, night after night", { timeout: 300_000 }, () =>
  expectPackage(bigquery, 'few'),
)
