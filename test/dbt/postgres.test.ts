import { it } from 'vitest'
import { expectPackage } from './package.ts'
import { postgres } from './warehouses.ts'

it('the dbt package has on Postgres what a plain model has, night after night', { timeout: 600_000 }, () =>
  expectPackage(postgres),
)
