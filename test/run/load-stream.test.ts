import { readdir } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MemoryDriver } from '../../destinations/memory/driver.ts'
import { fixed, LOAD_COLUMNS } from '../../lib/columns/catalogue.ts'
import { PROFILE_LINES, RECORD_LINES, type StreamTable } from '../../lib/columns/table.ts'
import { type ErrorCode, MixloadError } from '../../lib/core/errors.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { LineBatch, Stream, StreamContext } from '../../lib/streams/stream.ts'
import { runs } from '../runs.ts'
import { batch, openWorkshop, type Workshop } from './loading.ts'

let workshop: Workshop
beforeAll(async () => {
  workshop = await openWorkshop()
})
afterAll(async () => {
  await workshop[Symbol.asyncDispose]()
})
beforeEach(() => {
  workshop.progress.length = 0
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
    lines: PROFILE_LINES,
    identity: 'distinct_id',
    key: ['distinct_id'],
    properties: { seats: { type: 'bigint', description: 'Seats' } },
    isSelective: true,
  }
}

type Read = (context: StreamContext) => AsyncIterable<LineBatch>

function streamOf(table: StreamTable, read: Read): Stream {
  return { name: table.name, tables: [table], replication: 'full-table', family: 'app', read }
}

async function* each(...batches: readonly LineBatch[]): AsyncGenerator<LineBatch> {
  yield* batches
}

describe('a stream of records', () => {
  it('fills a table whose columns are added as properties come, and in which no property is special', async () => {
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
    const memory = new MemoryDriver(workshop.engine)
    await using destination = new Warehouse(memory, { engine: workshop.engine })
    await destination.open(new AbortController().signal)
    const stream = streamOf(people(name), () => each(batch(name, [['a', '{"plan":"pro"}']])))
    await workshop.run(stream, { destination })
    expect(memory.peek(name)?.rows).toMatchObject([{ distinct_id: 'a', plan: 'pro' }])
  })
})

describe('rows of equal keys', () => {
  it('are one row, which is the last of them, however many there are', async () => {
    const record = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e'), value: fc.nat(99) })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(record, { maxLength: 8 }), { maxLength: 4 }), async (batches) => {
        const name = named('repeated')
        const read = () =>
          each(
            ...batches.map((records) =>
              batch(
                name,
                records.map(({ id, value }) => [id, `{"v":${value}}`]),
              ),
            ),
          )
        const summary = await workshop.run(streamOf(people(name), read))
        const last = new Map(batches.flat().map(({ id, value }) => [id, value]))
        expect(summary.rows).toBe(last.size)
        const rows = last.size === 0 ? [] : await workshop.rows(`SELECT distinct_id, v FROM ${name}`)
        expect(new Map(rows.map(({ distinct_id, v }) => [distinct_id, v]))).toEqual(last)
        expect(rows.length).toBe(last.size)
      }),
      { numRuns: runs(30) },
    )
  })

  it('are recognized by all parts of the key, by value, and rows without a whole key stay', async () => {
    const name = named('parts')
    const table: StreamTable = {
      name,
      columns: [fixed('id', 'bigint', 'Id', 'id'), fixed('day', 'date', 'Day', 'day'), ...LOAD_COLUMNS],
      lines: RECORD_LINES,
      key: ['id', 'day'],
      properties: {},
      isSelective: false,
    }
    const records = [
      '{"id":1,"day":"2026-08-01","n":1}',
      '{"id":2,"day":"2026-08-01","n":2}',
      '{"id":1,"day":"2026-08-02","n":3}',
      '{"n":4,"day":"2026-08-01T00:00:00","id":1}',
      '{"id":null,"day":"2026-08-01","n":5}',
      '{"day":"2026-08-01","n":6}',
      '{"id":"x","day":"2026-08-01","n":7}',
      '{"id":"y","day":"2026-08-01","n":8}',
    ].map((properties) => ['', properties] as const)
    await workshop.run(streamOf(table, () => each(batch(name, records))))
    const rows = await workshop.rows(`SELECT n FROM ${name} ORDER BY n`)
    expect(rows.map(({ n }) => n)).toEqual([2, 3, 4, 5, 6, 7, 8])
  })
})

describe('a full table', () => {
  it('is replaced in each run, by nothing only where that is allowed', async () => {
    const name = named('full')
    let ids = ['a', 'b']
    const stream = streamOf(people(name), () =>
      each(
        batch(
          name,
          ids.map((id) => [id, '{}']),
        ),
      ),
    )
    await workshop.run(stream)
    ids = ['b', 'c']
    await workshop.run(stream)
    expect(await workshop.rows(`SELECT distinct_id FROM ${name} ORDER BY 1`)).toEqual([
      { distinct_id: 'b' },
      { distinct_id: 'c' },
    ])
    ids = []
    expect(await workshop.run(stream)).toMatchObject({
      slices: 0,
      skippedSlices: [{ error: { code: 'ROWS_WOULD_BE_LOST' } }],
    })
    expect(await workshop.rows(`SELECT count(*) AS n FROM ${name}`)).toEqual([{ n: 2n }])
    const settings = { maxRemoved: '100%' }
    expect(await workshop.run(stream, { settings })).toMatchObject({ rows: 0, slices: 1 })
    expect(await workshop.rows(`SELECT count(*) AS n FROM ${name}`)).toEqual([{ n: 0n }])
    const ledger = await workshop.destination.ledger(name)
    expect(
      ledger.map(({ rowCount, writeMode, firstDay, dayRows }) => [rowCount, writeMode, firstDay, dayRows]),
    ).toEqual([
      [2, 'replace-table', null, null],
      // The note of what was held back.
      [2, 'replace-table', null, null],
      [0, 'append', null, null],
      [0, 'replace-table', null, null],
    ])
  })

  it('has a row for each record that can be read, without its own columns; the others are rejected', async () => {
    const name = named('rejects')
    const lines = Buffer.from('{"$distinct_id":"a","$properties":{"x":1}}\n{"$properties":{}}\n7\n')
    const summary = await workshop.run(streamOf(people(name), () => each({ table: name, lines })))
    expect(summary).toMatchObject({ rows: 1, rejects: 2 })
    const rejects = await workshop.rows(`SELECT line, reason FROM _mixload_rejects WHERE stream = '${name}' ORDER BY 1`)
    expect(rejects).toEqual([
      { line: '7', reason: 'not a JSON object' },
      { line: '{"$properties":{}}', reason: 'not a profile: it has no "$distinct_id"' },
    ])
  })

  it('is left as it was if not one record can be read', async () => {
    const name = named('unreadable')
    let lines = batch(name, [['a', '{}']]).lines
    const stream = streamOf(people(name), () => each({ table: name, lines }))
    await workshop.run(stream)
    lines = Buffer.from('{"$properties":{}}\n')
    await expect(workshop.run(stream)).rejects.toMatchObject({ code: 'BODY_UNREADABLE' })
    expect(await workshop.rows(`SELECT distinct_id FROM ${name}`)).toEqual([{ distinct_id: 'a' }])
  })

  it('is read once more if a record is not JSON, before that record is rejected', async () => {
    const name = named('damaged')
    let reads = 0
    const lines = Buffer.from('{"$distinct_id":"a","$properties":{}}\n{"$distinct_id":"b","$properties":{x}}\n')
    const summary = await workshop.run(
      streamOf(people(name), () => {
        reads++
        return each({ table: name, lines })
      }),
    )
    expect(reads).toBe(2)
    expect(summary).toMatchObject({ rows: 1, rejects: 1 })
  })
})

describe('reading again', () => {
  const failing = (code: ErrorCode, times: number, name: string) => {
    let reads = 0
    return streamOf(people(name), async function* () {
      yield batch(name, [[`read ${reads}`, '{}']])
      if (reads++ < times) throw new MixloadError(code, 'It went wrong.')
    })
  }

  it.each(['SESSION_LOST', 'COUNT_MISMATCH'] as const)(
    'happens after %s, twice, and discards what came before',
    async (code) => {
      const name = named('again')
      expect(await workshop.run(failing(code, 2, name))).toMatchObject({ rows: 1 })
      expect(await workshop.rows(`SELECT distinct_id FROM ${name}`)).toEqual([{ distinct_id: 'read 2' }])
      await expect(workshop.run(failing(code, 3, name))).rejects.toMatchObject({ code })
      expect(await workshop.rows(`SELECT distinct_id FROM ${name}`)).toEqual([{ distinct_id: 'read 2' }])
      expect((await workshop.destination.ledger(name)).length).toBe(1)
    },
  )

  it('does not happen after other failures, and no file is left', async () => {
    const name = named('again')
    await expect(workshop.run(failing('PLAN_REFUSED', 1, name))).rejects.toMatchObject({ code: 'PLAN_REFUSED' })
    expect(workshop.progress.filter(({ kind }) => kind === 'slice-restarted')).toEqual([])
    const left = (await readdir(workshop.spool.path)).filter((file) => file.endsWith('.ndjson'))
    expect(left).toEqual([])
  })

  it('happens once if fewer rows came than exist, counting equal keys once; then the difference is reported', async () => {
    const name = named('expecting')
    let reads = 0
    const stream = streamOf(people(name), async function* (context) {
      reads++
      context.expect({ table: name, count: 3, isReadAgain: true, name: 'profiles' })
      yield batch(name, [
        ['a', '{}'],
        ['b', '{}'],
        ['a', '{}'],
      ])
    })
    expect(await workshop.run(stream)).toMatchObject({ rows: 2 })
    expect(reads).toBe(2)
    const warnings = workshop.progress.flatMap((event) => (event.kind === 'warning' ? [event.message] : []))
    expect(warnings).toEqual([expect.stringContaining('profiles: 3 counted, 2 came')])
  })

  it('ends with the signal, and leaves nothing', async () => {
    const name = named('stopped')
    const abort = new AbortController()
    const stream = streamOf(people(name), async function* () {
      yield batch(name, [['a', '{}']])
      abort.abort()
      yield batch(name, [['b', '{}']])
    })
    await expect(workshop.run(stream, { signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect(await workshop.destination.ledger(name)).toEqual([])
  })
})

describe('an incremental stream of two tables', () => {
  const DAY_COLUMNS = [fixed('id', 'text', 'Id', 'id'), fixed('_day', 'date', 'Day', '_day'), ...LOAD_COLUMNS]
  const columns = {
    columns: DAY_COLUMNS,
    lines: RECORD_LINES,
    key: ['id', '_day'],
    properties: {},
    isSelective: false,
  }

  function daily(own: string, steps: string): Stream {
    return {
      name: own,
      tables: [
        { name: own, ...columns },
        { name: steps, ...columns },
      ],
      replication: 'incremental',
      family: 'app',
      async *read(_, slice) {
        for (const day of [slice?.firstDay, slice?.lastDay]) {
          yield batch(own, [['', `{"id":"f","_day":"${day}"}`]])
          yield batch(steps, [
            ['', `{"id":"f1","_day":"${day}"}`],
            ['', `{"id":"f2","_day":"${day}"}`],
          ])
        }
      },
    }
  }
  const slices = [
    { firstDay: '2026-08-01', lastDay: '2026-08-02' },
    { firstDay: '2026-08-02', lastDay: '2026-08-03' },
  ]

  it('appends each slice, with the tables that depend on it before its own', async () => {
    const [own, steps] = [named('daily'), named('daily_steps')]
    const summary = await workshop.run(daily(own, steps), { slices })
    expect(summary).toMatchObject({ rows: 4, slices: 2 })
    expect(summary.otherRows).toEqual({ [steps]: 8 })
    for (const [at, record] of (await workshop.destination.ledger(own)).entries()) {
      const child = (await workshop.destination.ledger(steps))[at]
      expect(child?.loadedAt.getTime()).toBeLessThan(record.loadedAt.getTime())
      expect([record.rowCount, child?.rowCount]).toEqual([2, 4])
      expect(record).toMatchObject({ ...slices[at], writeMode: 'append' })
      expect(record.dayRows).toEqual({ [record.firstDay ?? '']: 1, [record.lastDay ?? '']: 1 })
    }
  })

  it('replaces the days of each slice if the settings say so', async () => {
    const [own, steps] = [named('daily'), named('daily_steps')]
    const settings = { write: 'replace' }
    await workshop.run(daily(own, steps), { slices, settings })
    await workshop.run(daily(own, steps), { slices, settings })
    for (const [table, count] of [
      [own, 1n],
      [steps, 2n],
    ] as const) {
      expect(
        await workshop.rows(`SELECT CAST(_day AS VARCHAR) AS d, count(*) AS n FROM ${table} GROUP BY 1 ORDER BY 1`),
      ).toEqual(['2026-08-01', '2026-08-02', '2026-08-03'].map((d) => ({ d, n: count })))
    }
  })

  it('has no row in its own table if a table that depends on it cannot be loaded', async () => {
    const [own, steps] = [named('daily'), named('daily_steps')]
    const { destination } = workshop
    workshop.beforeWrite = ({ table }) => {
      if (table === steps) throw new MixloadError('DESTINATION_UNAVAILABLE', 'It is away.')
    }
    const run = workshop.run(daily(own, steps), { slices })
    await expect(run).rejects.toMatchObject({ code: 'DESTINATION_UNAVAILABLE' })
    workshop.beforeWrite = undefined
    expect(await destination.ledger(own)).toEqual([])
  })

  it('does nothing without slices', async () => {
    const [own, steps] = [named('daily'), named('daily_steps')]
    expect(await workshop.run(daily(own, steps), { slices: [] })).toMatchObject({ rows: 0, slices: 0 })
  })
})
