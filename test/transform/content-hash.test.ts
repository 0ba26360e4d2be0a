import { expect, it } from 'vitest'
import type { Column, ColumnType } from '../../lib/columns/column.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { withContentHash } from '../../lib/transform/content-hash.ts'

const column = (name: string, type: ColumnType): Column => ({ name, type, role: 'property', property: name })
const HASH = column('hash', 'bigint')

/** The hash of a row with these columns, each as an expression of the engine. */
async function hashOf(row: Readonly<Record<string, string>>): Promise<unknown> {
  await using engine = await Engine.create({ memoryLimit: '100MB', temporaryDirectory: '/tmp' })
  const connection = await engine.connect()
  const list = Object.entries(row).map(([name, expression]) => `${expression} AS "${name}"`)
  const columns = Object.keys(row).map((name) => column(name, 'text'))
  const { query } = withContentHash({ query: `SELECT ${list.join(', ')}`, columns }, HASH)
  const [found] = await connection.all(query)
  connection.close()
  return found?.hash
}

it('the hash of a row stays what it is: a warehouse has it from earlier versions', async () => {
  expect(await hashOf({ a: "'text'" })).toBe(7170548402274792931n)
  expect(await hashOf({ a: 'CAST(1.5 AS DOUBLE)' })).toBe(8938530615100650057n)
  expect(await hashOf({ a: 'true' })).toBe(4965925221440810369n)
  expect(await hashOf({ a: 'CAST(7 AS BIGINT)' })).toBe(7846663718453739830n)
  expect(await hashOf({ a: "TIMESTAMPTZ '2026-08-03 12:00:00.001+00'" })).toBe(4327308663264527877n)
  expect(await hashOf({ a: "DATE '2026-08-03'" })).toBe(193240633003513423n)
  expect(await hashOf({ a: `CAST('{"b":1}' AS JSON)` })).toBe(8821455646830201280n)
})

it('the hash of a row depends on each value and its column, but not on null values and the day', async () => {
  const hash = await hashOf({ a: "'x'", b: "'y'" })
  expect(await hashOf({ a: "'x'", b: "'y'", c: 'NULL', _day: "DATE '2026-08-03'" })).toBe(hash)
  expect(await hashOf({ b: "'y'", a: "'x'" })).toBe(hash)
  expect(await hashOf({ a: "'y'", b: "'x'" })).not.toBe(hash)
  expect(await hashOf({ a: "'x'" })).not.toBe(hash)
  expect(await hashOf({ a: "'x'", c: "'y'" })).not.toBe(hash)
  expect(await hashOf({ a: "'x'", b: "'x'" })).not.toBe(await hashOf({ a: "'y'", b: "'y'" }))
})
