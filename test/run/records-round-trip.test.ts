import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fixed, LOAD_COLUMNS } from '../../lib/columns/catalogue.ts'
import { PROFILE_LINES } from '../../lib/columns/table.ts'
import { profilePage } from '../../lib/mixpanel/page-records.ts'
import type { Stream } from '../../lib/streams/stream.ts'
import { isSame, PropertyReader } from '../pipeline/read-back.ts'
import { runs } from '../runs.ts'
import { openWorkshop, type Workshop } from './loading.ts'

let workshop: Workshop
beforeAll(async () => {
  workshop = await openWorkshop()
})
afterAll(async () => {
  await workshop[Symbol.asyncDispose]()
})

const SPECIAL = ['time', '$insert_id', 'event', 'distinct_id', '$distinct_id', 'properties', '_load_id', '_loaded_at']
const ODD_NAMES = ['plan', 'Plan', '$plan', '', 'é', "it's", '_row', '_more', '~0', 'a"b', '\ud800', 'x'.repeat(70)]
const name = fc.oneof(
  fc.constantFrom(...SPECIAL),
  fc.constantFrom(...ODD_NAMES),
  fc.string({ unit: 'binary', maxLength: 5 }),
)
const literal = fc.oneof(
  fc.constantFrom(
    '1',
    '0',
    '-1.10',
    '1e400',
    '9007199254740993',
    '123456789012345678901234567890',
    '0.12345678901234567890',
  ),
  fc.constantFrom(
    '"2026-08-01T00:00:00"',
    '"2026-08-01T00:00:00Z"',
    '"2026-08-01"',
    '"\\u0000"',
    '"\\ud800"',
    '"\u2028"',
    'null',
    'true',
    '{"a":[1.50,{"b":null}]}',
  ),
  fc.jsonValue({ maxDepth: 2, stringUnit: 'binary' }).map((value) => JSON.stringify(value)),
)
const profiles = fc.array(fc.array(fc.tuple(name, literal), { maxLength: 6 }), { minLength: 1, maxLength: 8 })

let tables = 0

it('what profiles hold can be read back, whatever the names and kinds, and however often they come', async () => {
  await fc.assert(
    fc.asyncProperty(
      profiles,
      fc.constantFrom(1000, 20),
      fc.boolean(),
      fc.boolean(),
      async (sent, maxColumns, isRepeated, inferTypes) => {
        const table = `profiles_${++tables}`
        const results = sent.map((properties, at) => {
          const members = properties.map(([key, value]) => `${JSON.stringify(key)}:${value}`)
          return `{"$distinct_id":"p${at}","$properties":{${members.join(',')}}}`
        })
        const pages = isRepeated ? [results.toReversed(), results] : [results]
        const stream: Stream = {
          name: table,
          tables: [
            {
              name: table,
              columns: [fixed('distinct_id', 'text', 'Who'), ...LOAD_COLUMNS],
              lines: PROFILE_LINES,
              identity: 'distinct_id',
              key: ['distinct_id'],
              properties: {},
              isSelective: true,
            },
          ],
          replication: 'full-table',
          family: 'app',
          async *read() {
            for (const page of pages) {
              const body = Buffer.from(`{"results":[${page.join(', ')}]}`)
              yield { table, lines: profilePage(body, { what: 'The page' }).lines }
            }
          },
        }
        expect(await workshop.run(stream, { settings: { maxColumns, inferTypes } })).toMatchObject({
          rows: sent.length,
          rejects: 0,
        })
        const rows = await workshop.rows(`SELECT * FROM ${table}`)
        const columns = await workshop.destination.columns(table)
        expect(columns.length).toBeLessThanOrEqual(maxColumns)
        const reader = new PropertyReader(columns)
        for (const [at, properties] of sent.entries()) {
          const row = rows.find(({ distinct_id }) => distinct_id === `p${at}`) ?? {}
          for (const [property, value] of new Map(properties)) {
            const read = reader.read(row, property)
            expect(isSame(read, value), `${property}: sent ${value}, read ${JSON.stringify(read)}`).toBe(true)
          }
        }
      },
    ),
    { numRuns: runs(40) },
  )
})
