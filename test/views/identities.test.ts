import { tmpdir } from 'node:os'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Column } from '../../lib/columns/column.ts'
import { quoteText } from '../../lib/core/sql.ts'
import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import { Engine, type EngineConnection } from '../../lib/engine/engine.ts'
import { identitiesView } from '../../lib/views/identities.ts'
import { property } from '../conformance/rows.ts'
import { runs } from '../runs.ts'

const COLUMNS: readonly Column[] = [
  ...EXPORT_COLUMNS,
  { ...property('mp_anon_id'), property: '$anon_id' },
  { ...property('mp_identified_id'), property: '$identified_id' },
]
const CAPABILITIES = {
  ...ENGINE_CAPABILITIES,
  atomicReplace: true,
  atomicLedger: true,
  readersDuringLoad: true,
  queries: true,
}
const VIEW = identitiesView(CAPABILITIES, 'events', COLUMNS).query
/** The most steps that the view follows. */
const STEPS_MAX = 32

/** What an event says: that two ids are the same person. */
interface Statement {
  readonly kind: 'rekeyed' | 'identify'
  readonly from: string
  readonly to: string
  readonly at: number
}

let engine: Engine
let connection: EngineConnection
beforeAll(async () => {
  engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: tmpdir() })
  connection = await engine.connect()
})
afterAll(async () => {
  connection.close()
  await engine[Symbol.asyncDispose]()
})

async function resolved(statements: readonly Statement[]): Promise<ReadonlyMap<string, string>> {
  const rows = statements.map(({ kind, from, to, at }) => {
    const values = kind === 'rekeyed' ? ['Order', to, from, null, null] : ['$identify', 'somebody', null, from, to]
    return `(${values.map((value) => (value === null ? 'NULL' : quoteText(value))).join(', ')}, ${at})`
  })
  await connection.run(`CREATE OR REPLACE TEMP TABLE events (event VARCHAR, distinct_id VARCHAR,
    mp_distinct_id_before_identity VARCHAR, mp_anon_id VARCHAR, mp_identified_id VARCHAR, mp_processing_time_ms BIGINT)`)
  if (rows.length > 0) await connection.run(`INSERT INTO events VALUES ${rows.join(', ')}`)
  const found = await connection.all(VIEW)
  expect(new Set(found.map((row) => row.original_id)).size).toBe(found.length)
  return new Map(found.map((row) => [String(row.original_id), String(row.resolved_id)]))
}

/** The one link that counts for each id. */
function linksOf(statements: readonly Statement[]): ReadonlyMap<string, Statement> {
  const links = new Map<string, Statement>()
  const strength = ({ kind, at }: Statement) => (kind === 'rekeyed' ? 1_000_000 : 0) + at
  for (const statement of statements) {
    const known = links.get(statement.from)
    if (statement.from === statement.to) continue
    const isStronger = known === undefined || strength(statement) > strength(known)
    if (isStronger || (strength(statement) === strength(known) && statement.to < known.to))
      links.set(statement.from, statement)
  }
  return links
}

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g')
const statement = fc.record({
  kind: fc.constantFrom('rekeyed', 'identify'),
  from: id,
  to: id,
  at: fc.integer({ min: 1, max: 9 }),
}) as fc.Arbitrary<Statement>

describe('the view over ids', () => {
  it('resolves linked ids, over however many others, to the same one of them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(statement, { maxLength: 12 }), async (all) => {
        const ends = await resolved(all)
        const links = linksOf(all)
        const endOf = (id: string) => ends.get(id) ?? id
        for (const { from, to } of links.values()) expect(endOf(from), `${from} and ${to}`).toBe(endOf(to))
        for (const [id, end] of ends) {
          expect(end).not.toBe(id)
          expect(endOf(end)).toBe(end)
          const reached = new Set([id])
          for (let next = links.get(id); next !== undefined && !reached.has(next.to); next = links.get(next.to)) {
            reached.add(next.to)
          }
          expect(reached.has(end), `${id} leads to ${end}`).toBe(true)
        }
      }),
      { numRuns: runs(200) },
    )
  })

  it('follows a long chain, but not for ever', async () => {
    const chain = (length: number) =>
      Array.from({ length }, (_, at): Statement => ({ kind: 'identify', from: `id-${at}`, to: `id-${at + 1}`, at }))
    const ends = await resolved(chain(STEPS_MAX))
    expect(ends.get('id-0')).toBe(`id-${STEPS_MAX}`)
    expect((await resolved(chain(STEPS_MAX + 1))).has('id-0')).toBe(false)
  })
})
