import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Column } from '../../lib/columns/column.ts'
import { quoteText } from '../../lib/core/sql.ts'
import { Engine, type EngineConnection } from '../../lib/engine/engine.ts'
import { changesQuery } from '../../lib/transform/profile-changes.ts'
import { runs } from '../runs.ts'

let engine: Engine
let connection: EngineConnection
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mixload-changes-'))
  engine = await Engine.create({ memoryLimit: undefined, temporaryDirectory: directory })
  connection = await engine.connect()
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const ID: Column = { name: 'distinct_id', type: 'text', role: 'fixed', property: null }
const property = (name: string): Column => ({ name, type: 'text', role: 'property', property: name })

type People = ReadonlyMap<string, Readonly<Record<string, string>>>

/** The engine's rows for profiles of text properties. */
async function changes(people: People, columns: readonly string[], before: readonly Record<string, unknown>[]) {
  const literal = (value: string | undefined) => (value === undefined ? 'NULL' : quoteText(value))
  const row = (values: readonly (string | undefined)[]) => `(${values.map(literal).join(', ')})`
  const names = ['distinct_id', ...columns]
  const rows = [...people].map(([id, values]) => row([id, ...columns.map((name) => values[name])]))
  const query = tableOf(names, rows)
  const old = tableOf(
    ['distinct_id', '_hash'],
    before.map(({ distinct_id, _hash }) => row([String(distinct_id), String(_hash)])),
  )
  const made = changesQuery({ query, columns: [ID, ...columns.map(property)] }, old, new Date('2026-08-03T00:00:00Z'))
  const found = await connection.all(made.query)
  if (found[0] !== undefined) expect(Object.keys(found[0])).toEqual(made.columns.map(({ name }) => name))
  return found
}

function tableOf(names: readonly string[], rows: readonly string[]): string {
  const list = names.map((name) => `"${name}"`).join(', ')
  if (rows.length > 0) return `SELECT * FROM (VALUES ${rows.join(', ')}) AS given(${list})`
  return `SELECT ${names.map((name) => `CAST(NULL AS VARCHAR) AS "${name}"`).join(', ')} WHERE false`
}

const people = fc
  .dictionary(
    fc.constantFrom('ann', 'bob', 'cid'),
    fc.dictionary(fc.constantFrom('plan', 'City', 'x'), fc.constantFrom('1', '2', '')),
  )
  .map((given): People => new Map(Object.entries(given)))

describe('changes of profiles', () => {
  it('list every profile that is new, changed or gone, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(people, people, async (first, second) => {
        const before = await changes(first, ['plan', 'City', 'x'], [])
        expect(before.map(({ _change }) => _change)).toEqual([...first].map(() => 'new'))
        // A newer column, or another order, is not a change.
        const now = await changes(second, ['x', 'later', 'City', 'plan'], before)
        const expected = new Map<string, string>()
        for (const [id, values] of second) {
          const old = first.get(id)
          if (old === undefined) expected.set(id, 'new')
          else if (!isSame(old, values)) expected.set(id, 'changed')
        }
        for (const id of first.keys()) if (!second.has(id)) expected.set(id, 'gone')
        expect(new Map(now.map(({ distinct_id, _change }) => [distinct_id, _change]))).toEqual(expected)
        for (const row of now) {
          const values = row._change === 'gone' ? {} : second.get(String(row.distinct_id))
          expect(row).toMatchObject({ plan: values?.plan ?? null, City: values?.City ?? null, x: values?.x ?? null })
        }
      }),
      { numRuns: runs(60) },
    )
  })
})

function isSame(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  return ['plan', 'City', 'x'].every((name) => left[name] === right[name])
}
