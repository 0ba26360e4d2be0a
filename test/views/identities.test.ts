import { tmpdir } from 'node:os'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Column } from '../../lib/columns/column.ts'
import { columnName } from '../../lib/columns/naming.ts'
import { quoteText } from '../../lib/core/sql.ts'
import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import { Engine } from '../../lib/engine/engine.ts'
import type { IdMerge } from '../../lib/mixpanel/id-merge.ts'
import { identitiesView, idMergeQuery } from '../../lib/views/identities.ts'
import { property } from '../conformance/rows.ts'
import { connect, newDatabase } from '../postgres/shared.ts'
import { runs } from '../runs.ts'
import { originalIds, type Statement, simplifiedIds } from './plain-identities.ts'

const named = (name: string, type?: 'json'): Column => ({ ...property(columnName(name), type), property: name })
const TEXTS = ['$anon_id', '$identified_id', 'alias', '$device_id', '$user_id']
const REASONS = ['$failure_reason', '$identity_failure_reason']
const COLUMNS: readonly Column[] = [
  ...EXPORT_COLUMNS,
  ...[...TEXTS, ...REASONS].map((name) => named(name)),
  named('$distinct_ids', 'json'),
]
/** The most ids of a person in most tests, instead of 500, so that persons reach it. */
const FEW_IDS = 6

type Value = string | number | null
type Row = Readonly<Record<string, Value>>

/** The row of an event that says this. */
function rowOf({ kind, from, to, at, isRefused }: Statement): Row {
  const reason = isRefused ? 'refused' : null
  const common = { mp_processing_time_ms: at, time: `2026-08-03 12:00:00+00` }
  if (kind === 'moved') return { ...common, event: 'Order', distinct_id: to, mp_distinct_id_before_identity: from }
  if (kind === 'pair') {
    const ids = { distinct_id: to, mp_device_id: from, mp_user_id: to }
    return { ...common, ...ids, event: 'Log in', mp_identity_failure_reason: reason }
  }
  if (kind === 'plain') return { ...common, event: 'Visit', distinct_id: to }
  const verb = { ...common, mp_failure_reason: reason, distinct_id: to }
  if (kind === 'identify') return { ...verb, event: '$identify', mp_anon_id: from, mp_identified_id: to }
  if (kind === 'alias') return { ...verb, event: '$create_alias', alias: from }
  return { ...verb, event: '$merge', distinct_id: 'a-server', mp_distinct_ids: JSON.stringify([to, from]) }
}

const TABLE_COLUMNS = [
  ...['event', 'distinct_id', 'mp_distinct_id_before_identity', ...TEXTS.map(columnName), ...REASONS.map(columnName)],
  ...['mp_distinct_ids', 'mp_processing_time_ms', 'time'],
]
const TYPES: Readonly<Record<string, string>> = { mp_processing_time_ms: 'bigint', time: 'timestamptz' }

/** A database with a table of events, whose view is queried. */
interface Store {
  readonly dialect: string
  run(sql: string): Promise<unknown>
  all(sql: string): Promise<readonly Row[]>
}

async function fill(store: Store, statements: readonly Statement[]): Promise<void> {
  const json = store.dialect === 'postgres' ? 'jsonb' : 'json'
  const types = TABLE_COLUMNS.map((name) => `${name} ${name === 'mp_distinct_ids' ? json : (TYPES[name] ?? 'text')}`)
  await store.run('DROP TABLE IF EXISTS events')
  await store.run(`CREATE TABLE events (${types.join(', ')})`)
  const literal = (value: Value | undefined) =>
    value === undefined || value === null ? 'NULL' : typeof value === 'number' ? `${value}` : quoteText(value)
  const rows = statements.map(rowOf).map((row) => `(${TABLE_COLUMNS.map((name) => literal(row[name])).join(', ')})`)
  if (rows.length > 0) await store.run(`INSERT INTO events VALUES ${rows.join(', ')}`)
}

async function mapped(store: Store, idMerge: IdMerge, idsMax = FEW_IDS): Promise<ReadonlyMap<string, string>> {
  const capabilities = { ...CAPABILITIES, dialect: store.dialect as 'duckdb' }
  const { query } = identitiesView(capabilities, 'events', COLUMNS, idMerge)
  const rows = await store.all(query.replace(/\b500\b/g, String(idsMax)))
  expect(new Set(rows.map((row) => row.original_id)).size).toBe(rows.length)
  return new Map(rows.map((row) => [String(row.original_id), String(row.resolved_id)] as const).sort())
}

const CAPABILITIES = {
  ...ENGINE_CAPABILITIES,
  atomicReplace: true,
  atomicLedger: true,
  readersDuringLoad: true,
  queries: true,
}

const shuffled = (all: readonly Statement[], keys: readonly number[]) =>
  all
    .map((statement, at) => [keys[at] ?? 0, statement] as const)
    .sort(([a], [b]) => a - b)
    .map(([, statement]) => statement)

const id = fc.constantFrom(...'abcdefghijklmnopqrst'.split(''))
const statements = (...kinds: readonly Statement['kind'][]) =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    from: id,
    to: id,
    at: fc.integer({ min: 1, max: 30 }),
    isRefused: fc.nat(9).map((n) => n === 0),
  }) as fc.Arbitrary<Statement>
const many = (...kinds: readonly Statement['kind'][]) => fc.array(statements(...kinds), { maxLength: 30, size: 'max' })

let engine: Engine
const stores: Store[] = []
const closers: (() => Promise<unknown> | unknown)[] = []
beforeAll(async () => {
  engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: tmpdir() })
  const connection = await engine.connect()
  stores.push({
    dialect: 'duckdb',
    run: (sql) => connection.run(sql),
    all: async (sql) => (await connection.all(sql)) as unknown as readonly Row[],
  })
  closers.push(() => connection.close())
  const database = await newDatabase()
  const client = await connect(database.url)
  stores.push({
    dialect: 'postgres',
    run: (sql) => client.query(sql),
    all: async (sql) => (await client.query(sql)).rows,
  })
  closers.push(
    () => client[Symbol.asyncDispose](),
    () => database[Symbol.asyncDispose](),
  )
})
afterAll(async () => {
  for (const close of closers) await close()
  await engine[Symbol.asyncDispose]()
})

describe.each(['duckdb', 'postgres'])('the view over ids in %s', (dialect) => {
  const store = () => stores.find((candidate) => candidate.dialect === dialect) as Store

  it('says what a union-find says in a project with original id merge, whatever the order of the rows', async () => {
    const kinds = ['moved', 'identify', 'alias', 'merge', 'plain'] as const
    await fc.assert(
      fc.asyncProperty(many(...kinds), fc.array(fc.nat(), { minLength: 30, maxLength: 30 }), async (all, keys) => {
        await fill(store(), shuffled(all, keys))
        expect(await mapped(store(), 'original')).toEqual(originalIds(all, FEW_IDS))
      }),
      { numRuns: runs(150) },
    )
  })

  it('has each device with its first user in a project with simplified id merge', async () => {
    await fc.assert(
      fc.asyncProperty(
        many('pair', 'plain'),
        fc.array(fc.tuple(id, id, fc.nat(20))),
        fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
        async (pairs, moves, keys) => {
          const moved = moves.map(([from, to, at]): Statement => {
            return { kind: 'moved', from: `$device:${from}`, to, at, isRefused: false }
          })
          const all = [...pairs, ...moved]
          await fill(store(), shuffled(all, keys))
          expect(await mapped(store(), 'simplified')).toEqual(simplifiedIds(all))
        },
      ),
      { numRuns: runs(100) },
    )
  })

  it('finds out how the project merges ids, and is then what it is with the setting', async () => {
    const query = idMergeQuery({ ...CAPABILITIES, dialect: dialect as 'duckdb' }, 'events', COLUMNS)
    const prefixed = (statement: Statement) => ({ ...statement, to: `$device:${statement.to}` })
    await fc.assert(
      fc.asyncProperty(many('moved', 'identify', 'pair', 'plain'), fc.boolean(), async (all, isSimplified) => {
        const events = isSimplified
          ? all
              .map((statement) => (statement.kind === 'plain' ? prefixed(statement) : statement))
              .filter(({ kind }) => kind !== 'identify')
          : all
        await fill(store(), events)
        const system = isSimplified && events.some(({ kind }) => kind === 'plain') ? 'simplified' : 'original'
        expect(await store().all(query)).toEqual([{ name: system }])
        expect(await mapped(store(), 'auto')).toEqual(await mapped(store(), system))
      }),
      { numRuns: runs(30) },
    )
  })

  it('has persons of at most 500 ids, however many devices a person is said to have', async () => {
    const link = (from: string, to: string, at: number): Statement => ({
      kind: 'identify',
      from,
      to,
      at,
      isRefused: false,
    })
    const star = (to: string, count: number, since: number) =>
      Array.from({ length: count }, (_, at) => link(`${to}-${at}`, to, since + at))
    const merge = (from: string, to: string, at: number): Statement => ({ ...link(from, to, at), kind: 'merge' })
    const all = [
      ...star('undefined', 2500, 1),
      ...star('ann', 300, 1),
      ...star('bob', 198, 1),
      ...star('cem', 199, 500),
      ...[merge('ann', 'bob', 1000), merge('ann', 'cem', 1001), merge('dan', 'cem', 1002), merge('eve', 'ann', 1003)],
    ]
    await fill(
      store(),
      shuffled(
        all,
        all.map((_, at) => (at * 7919) % 3203),
      ),
    )
    const found = await mapped(store(), 'original', 500)
    expect(found).toEqual(originalIds(all, 500))
    const sizes = [...Map.groupBy(found.values(), (person) => person).values()].map((ids) => ids.length + 1)
    expect(sizes.sort((a, b) => a - b)).toEqual([201, 500, 500])
  })

  it('follows long chains', async () => {
    const chain = Array.from({ length: 400 }, (_, at): Statement => {
      return { kind: 'alias', from: `id-${at + 1}`, to: `id-${at}`, at, isRefused: false }
    })
    await fill(store(), chain)
    expect(await mapped(store(), 'original', 500)).toEqual(originalIds(chain, 500))
    await fill(
      store(),
      chain.map((statement) => ({ ...statement, at: 1000 - statement.at })),
    )
    expect((await mapped(store(), 'original', 500)).size).toBe(400)
  })
})
