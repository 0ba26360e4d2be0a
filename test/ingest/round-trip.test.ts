import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DuckDbDriver } from '../../destinations/duckdb/driver.ts'
import type { KnownColumn } from '../../lib/destination/contract.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { createClient } from '../../lib/ingest/named-clients.ts'
import { recordJson } from '../../lib/ingest/property-values.ts'
import { RowToEvent } from '../../lib/ingest/row-to-event.ts'
import { Workplace } from '../cmd/run-mixload.ts'
import { canonical, parseExact } from '../conformance/exact-json.ts'
import { isSame, PropertyReader } from '../pipeline/read-back.ts'
import { runs, timeLimitMs } from '../runs.ts'

const TOKEN = 'a-project-token'
const DAY_MS = 86_400_000
const START = Date.parse('2026-08-03T00:00:00Z')

let place: Workplace
let client: ReturnType<typeof createClient>

beforeEach(async () => {
  place = await Workplace.create({ token: TOKEN })
  client = createClient({ token: TOKEN, apiUrl: place.simulator.url, lingerMs: 5 })
})
afterEach(async () => {
  await client.close()
  await place[Symbol.asyncDispose]()
})

const text = fc.string({ unit: 'binary', maxLength: 20 })
const NAMES = [
  'plan',
  'Plan',
  '$plan',
  'amount',
  'a b',
  'größe',
  '日本',
  '😀',
  'event',
  'properties',
  '_day',
  'x"y',
  "it's",
]
const name = fc
  .oneof(fc.constantFrom(...NAMES), text)
  .filter(
    (name) =>
      !/^(?:time|distinct_id|\$insert_id|token|ip|id|mp_processing_time_ms|\$distinct_id_before_identity|\$import|\$mp_api_timestamp_ms)$/.test(
        name,
      ),
  )
const scalar = fc.oneof(
  text,
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
  fc.constantFrom('\u2028', 'a\nb', '', 'null', '12', 'true', '[1]', '2026-08-03T10:00:00', '\0'),
)
const value = fc.oneof(
  { weight: 3, arbitrary: scalar },
  fc.array(scalar, { maxLength: 4 }),
  fc.dictionary(text, fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })), { maxKeys: 4 }),
)
const sentEvent = fc.record({
  event: text.filter((name) => name.trim() !== ''),
  time: fc.integer({ min: START, max: START + DAY_MS - 1 }),
  person: fc.oneof(fc.constantFrom('', 'ann', 'ü🦆'), fc.uuid()),
  properties: fc.dictionary(name, value, { maxKeys: 8, noNullPrototype: true }),
})

/** How many sets of events are tried. Each takes some seconds. */
const RUNS = 3

async function warehouseColumns(table: string): Promise<readonly KnownColumn[]> {
  await using engine = await Engine.create({ memoryLimit: undefined, temporaryDirectory: place.directory })
  await using destination = new Warehouse(new DuckDbDriver({ path: place.database, schema: 'mixpanel', engine }), {
    engine,
  })
  await destination.openToRead(new AbortController().signal)
  return destination.columns(table)
}

/** Returns the rows of a query as `mixload import --query` gets them. */
async function jsonRows(sql: string): Promise<readonly string[]> {
  await using engine = await Engine.create({ memoryLimit: undefined, temporaryDirectory: place.directory })
  await using destination = new Warehouse(new DuckDbDriver({ path: place.database, schema: 'mixpanel', engine }), {
    engine,
  })
  const rows: string[] = []
  await destination.openToRead(new AbortController().signal)
  await destination.query(sql, (batch) => void rows.push(...batch), new AbortController().signal)
  return rows
}

describe('imported events', () => {
  it(
    'are equal after a backfill: names, types, digits, characters and times to the millisecond',
    async () => {
      let run = 0
      await fc.assert(
        fc.asyncProperty(fc.array(sentEvent, { minLength: 40, maxLength: 150 }), async (events) => {
          run++
          // A loaded day is not requested again, so each set has its own day.
          const day = new Date(START + run * DAY_MS).toISOString().slice(0, 10)
          const sent = events.map(({ event, time, person, properties }, index) => {
            const id = `run-${run}-${index}`
            return {
              event,
              properties: { ...properties, time: time + run * DAY_MS, distinct_id: person, $insert_id: id, id },
            }
          })
          // A third is imported as objects, a third as JSON, and a third from a file.
          const inputs = sent.map((event, index) => (index % 3 === 0 ? event : recordJson(event)))
          const direct = inputs.filter((_, index) => index % 3 < 2)
          const filed = inputs.filter((_, index) => index % 3 === 2)
          expect(await client.import(direct)).toMatchObject({ accepted: direct.length, rejected: 0 })
          const path = join(place.directory, `${run}.ndjson.gz`)
          await writeFile(path, gzipSync(filed.join('\n')))
          const imported = await place.run(['import', path], { MIXPANEL_TOKEN: TOKEN })
          expect(imported).toMatchObject({ code: 0, stdout: expect.stringContaining(`${filed.length} accepted,`) })
          const ran = await place.run(['backfill', '--from', day, '--to', day, '--streams', 'export'])
          expect(ran).toMatchObject({ code: 0 })

          const columns = await warehouseColumns('export')
          const rows = new Map((await place.query('SELECT * FROM export')).map((row) => [row.id, row]))
          const reader = new PropertyReader(columns)
          const converter = new RowToEvent(columns)
          const converted = new Map(
            (await jsonRows('SELECT * FROM export')).map((row) => {
              const event = converter.convert(row)
              return [JSON.parse(event).properties.id, event]
            }),
          )
          for (const { event, properties } of sent) {
            const row = rows.get(properties.id)
            if (row === undefined) throw new Error(`${properties.id} is missing`)
            const { time, distinct_id, ...others } = properties
            expect((row.time as Date).getTime()).toBe(time)
            expect(row.distinct_id).toBe(distinct_id)
            for (const [property, value] of Object.entries(others)) {
              const literal = recordJson([value]).slice(1, -1)
              const read = reader.read(row, property)
              expect(isSame(read, literal), `${property}: ${literal} became ${JSON.stringify(read)}`).toBe(true)
            }
            if (!event.includes('\0')) expect(row.event).toBe(event)
            assertConverted(parseExact(converted.get(properties.id) ?? 'null'), { event, properties })
          }
        }),
        { numRuns: runs(RUNS), endOnFailure: true },
      )
    },
    timeLimitMs(300_000),
  )
})

/** Asserts that a converted row has each original value, or its JSON if the column has texts. */
function assertConverted(
  converted: unknown,
  { event, properties }: { event: string; properties: Record<string, unknown> },
) {
  const found = members(members(converted).get('properties'))
  if (!event.includes('\0')) expect(members(converted).get('event')).toBe(event)
  for (const [property, value] of Object.entries(properties)) {
    // Characters that columns cannot store are escaped: see docs/columns.md.
    if (value === null || property.includes('\0')) continue
    const literal = recordJson([value]).slice(1, -1)
    if (literal.includes('\\u0000')) continue
    const result = found.get(property)
    const isEqual = result !== undefined && canonical(result as never) === canonical(parseExact(literal))
    const isJsonText = typeof result === 'string' && typeof value !== 'string' && sameJson(result, literal)
    const wasJsonText =
      typeof value === 'string' && result !== undefined && canonical(result as never) === canonicalOf(value)
    expect(isEqual || isJsonText || wasJsonText, `${property}: ${literal} became ${JSON.stringify(result)}`).toBe(true)
  }
}

function members(value: unknown): Map<string, unknown> {
  return new Map((value as { readonly object: readonly (readonly [string, unknown])[] }).object)
}

function sameJson(text: string, literal: string): boolean {
  return canonicalOf(text) === canonical(parseExact(literal))
}

function canonicalOf(json: string): string | undefined {
  try {
    return canonical(parseExact(json))
  } catch {
    return undefined
  }
}

type Profile = Map<string, unknown>
type Change = readonly [
  operation: '$set' | '$set_once' | '$add' | '$append' | '$union' | '$remove' | '$unset' | '$delete',
  value: unknown,
]

/** Applies a change to a profile, independently of the simulator. */
function applyChange(profile: Profile | undefined, [operation, value]: Change): Profile | undefined {
  if (operation === '$delete') return undefined
  const onlyRemoves = operation === '$unset' || operation === '$remove'
  if (profile === undefined && onlyRemoves) return undefined
  const next = new Map(profile)
  if (operation === '$unset') for (const name of value as string[]) next.delete(name)
  else {
    for (const [key, operand] of Object.entries(value as object)) {
      const before = next.get(key)
      const list = Array.isArray(before) ? before : undefined
      if (operation === '$set') next.set(key, operand)
      if (operation === '$set_once' && before === undefined) next.set(key, operand)
      if (operation === '$add') {
        if (before === undefined) next.set(key, operand)
        else if (typeof before === 'number') next.set(key, before + operand)
      }
      if (operation === '$append') {
        if (before === undefined) next.set(key, [operand])
        else if (list !== undefined) next.set(key, [...list, operand])
      }
      if (operation === '$union' && (before === undefined || list !== undefined)) {
        next.set(key, [...(list ?? []), ...operand.filter((item: unknown) => !list?.includes(item))])
      }
      if (operation === '$remove' && list !== undefined)
        next.set(
          key,
          list.filter((item) => item !== operand),
        )
    }
  }
  return next
}

const key = fc.constantFrom('a', 'b', 'Größe', '$email')
const item = fc.oneof(
  fc.constantFrom('x', 'y', 1, 2),
  text.filter((item) => !item.includes('\0')),
)
const nested = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
  fc.dictionary(text, fc.oneof(item, fc.array(item, { maxLength: 2 })), { maxKeys: 3, noNullPrototype: true }),
  fc.array(fc.dictionary(fc.constantFrom('sku', 'größe'), item, { noNullPrototype: true }), { maxLength: 2 }),
)
const byKey = <T>(arbitrary: fc.Arbitrary<T>) => fc.dictionary(key, arbitrary, { minKeys: 1, noNullPrototype: true })
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(
    fc.constantFrom('$set', '$set_once'),
    byKey(fc.oneof(item, fc.array(item, { maxLength: 3 }), fc.boolean(), nested)),
  ),
  fc.tuple(fc.constant('$add'), byKey(fc.integer({ min: -1000, max: 1000 }))),
  fc.tuple(fc.constant('$append'), byKey(item)),
  fc.tuple(fc.constant('$union'), byKey(fc.uniqueArray(item, { minLength: 1, maxLength: 3 }))),
  fc.tuple(fc.constant('$remove'), byKey(item)),
  fc.tuple(fc.constant('$unset'), fc.uniqueArray(key, { minLength: 1 })),
  fc.tuple(fc.constant('$delete'), fc.constant(undefined)),
) as fc.Arbitrary<Change>

describe('profiles', () => {
  it(
    'have all changes, in Mixpanel after each one and in the warehouse at the end',
    async () => {
      const model = new Map<string, Profile>()
      const changes = fc.array(fc.tuple(fc.constantFrom('ann', 'bob', 'ü🦆'), change), { minLength: 5, maxLength: 25 })
      await fc.assert(
        fc.asyncProperty(changes, async (steps) => {
          for (const [id, step] of steps) {
            const [operation, operand] = step
            await client.engage(id, operation, operand, { ignoreTime: true })
            const next = applyChange(model.get(id), step)
            if (next === undefined) model.delete(id)
            else model.set(id, next)
            expect(await client.flush()).toMatchObject({ accepted: 1, rejected: 0 })
            const stored = place.simulator.profiles.get(id)
            expect(stored, `${operation} ${JSON.stringify(operand)}`).toEqual(
              next === undefined ? undefined : Object.fromEntries(next),
            )
          }
        }),
        { numRuns: runs(20), endOnFailure: true },
      )
      expect(await place.run(['backfill', '--streams', 'engage'])).toMatchObject({ code: 0 })
      const columns = await warehouseColumns('engage')
      const rows = await place.query('SELECT * FROM engage')
      expect(rows.map((row) => row.distinct_id).sort()).toEqual([...model.keys()].sort())
      const reader = new PropertyReader(columns)
      for (const row of rows) {
        for (const [property, value] of model.get(String(row.distinct_id)) ?? []) {
          const read = reader.read(row, property)
          expect(isSame(read, JSON.stringify(value)), `${property}: ${JSON.stringify(read)}`).toBe(true)
        }
      }
    },
    timeLimitMs(120_000),
  )
})
