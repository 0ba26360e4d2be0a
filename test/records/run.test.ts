import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createMemoryDestination } from '../../destinations/memory/index.ts'
import { fixed, LOAD_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { RecordBatch, RecordStream, StreamContext, StreamTable } from '../../lib/streams/stream.ts'
import { batch, openWorkshop, type Workshop } from './loading.ts'

let workshop: Workshop
beforeAll(async () => {
  workshop = await openWorkshop()
})
afterAll(async () => {
  await workshop[Symbol.asyncDispose]()
})
beforeEach(() => {
  workshop.told.length = 0
})

let tables = 0
/** Streams of one workshop must not share tables. */
function named(base: string): string {
  return `${base}_${++tables}`
}

function people(name: string): StreamTable {
  return {
    name,
    columns: [fixed('distinct_id', 'text', 'Who'), ...LOAD_COLUMNS],
    identity: 'distinct_id',
    key: ['distinct_id'],
    properties: { seats: { type: 'bigint', description: 'Seats' } },
  }
}

type Read = (context: StreamContext) => AsyncIterable<RecordBatch>

function streamOf(table: StreamTable, read: Read): RecordStream {
  return { name: table.name, tables: [table], replication: 'full-table', read }
}

async function* each(...batches: readonly RecordBatch[]): AsyncGenerator<RecordBatch> {
  yield* batches
}

describe('a stream of records', () => {
  it('fills a table whose columns come as they are met, and to which no property is special', async () => {
    const name = named('people')
    const records = [
      ['a', '{"time":"noon","$insert_id":7,"event":"e","distinct_id":"other","seats":3,"plan":"pro"}'],
      ['b', '{"time":12,"plan":true,"big":12345678901234567890,"tags":["x", 1.10],"seats":"many"}'],
      ['c\ud800', '{}'],
    ] as const
    const summary = await workshop.run(streamOf(people(name), () => each(batch(name, records))))
    expect(summary).toMatchObject({ stream: name, slices: 1, requests: 0, rows: 3, rejects: 0, ignoredValues: 0 })
    const rows = await workshop.rows(`SELECT * EXCLUDE (_loaded_at, _load_id) FROM ${name} ORDER BY 1`)
    const empty = {
      distinct_id__text: null,
      time: null,
      mp_insert_id: null,
      event: null,
      distinct_id_2: null,
      seats: null,
      seats__text: null,
      plan: null,
      big: null,
      tags: null,
    }
    expect(rows).toEqual([
      {
        ...empty,
        distinct_id: 'a',
        time: 'noon',
        mp_insert_id: 7,
        event: 'e',
        distinct_id_2: 'other',
        seats: 3n,
        plan: 'pro',
      },
      {
        ...empty,
        distinct_id: 'b',
        time: '12',
        plan: 'true',
        big: '12345678901234567890',
        tags: '["x",1.1]',
        seats__text: 'many',
      },
      { ...empty, distinct_id: 'c\ufffd', distinct_id__text: '"c\\ud800"' },
    ])
    expect(summary.newColumns).toBe(10)
  })

  it('loads into the memory destination, too', async () => {
    const name = named('people')
    await using destination = createMemoryDestination({ engine: workshop.engine })
    await destination.open(new AbortController().signal)
    const stream = streamOf(people(name), () => each(batch(name, [['a', '{"plan":"pro"}']])))
    await workshop.run(stream, { destination })
    expect(destination.peek(name)?.rows).toMatchObject([{ distinct_id: 'a', plan: 'pro' }])
  })
})
