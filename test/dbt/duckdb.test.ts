import { it } from 'vitest'
import { expectPackage } from './package.ts'
import { duckdb } from './warehouses.ts'

it('the dbt package has on DuckDB what a plain model has, night after night', { timeout: 600_000 }, () =>
  expectPackage(duckdb),
)
