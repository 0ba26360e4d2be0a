import { expect, it } from 'vitest'
import { expectPackage } from './package.ts'
import { expectEmptyModels, expectStrangeModels, type StrangePlace } from './strange-models.ts'
import { bigquery } from './warehouses.ts'

/** What docs/dbt.md says that the emulator cannot: find what is in `_more` under such a name. */
const NOT_IN_MORE = /["*]|^1_000$/

const place: StrangePlace = { newWarehouse: bigquery, schema: 'mixpanel', quoted: 'mixpanel', except: NOT_IN_MORE }

it("the dbt package has on BigQuery's emulator what a plain model has, night after night", { timeout: 600_000 }, () =>
  expectPackage(bigquery, 'few'),
)

it("models over strange data on BigQuery's emulator have every value as it was sent", { timeout: 600_000 }, () =>
  expectStrangeModels(place),
)

it("models on BigQuery's emulator are empty where a project has nothing", { timeout: 600_000 }, () =>
  expectEmptyModels(place),
)

it("BigQuery's emulator takes a name in JSON for a path or an index, as docs/dbt.md says", async () => {
  await using warehouse = await bigquery('')
  const member = (name: string) =>
    warehouse.query(`SELECT object['${name}'] AS found FROM (SELECT PARSE_JSON('{"a": 1, "1_000": 2}') AS object)`)
  expect(await member('a')).toEqual([{ found: '1' }])
  expect(await member('1_000')).toEqual([{ found: null }])
  expect(await member('*')).not.toEqual([{ found: null }])
  await expect(member('"')).rejects.toThrow()
})
