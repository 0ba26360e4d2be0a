import { describe, expect, it } from 'vitest'
import type { WriteMode } from '../../lib/destination/contract.ts'
import {
  COLUMNS,
  load,
  makeTable,
  manyRows,
  rejectsOf,
  relationOf,
  TABLE,
  thing,
  unaborted,
} from '../conformance/rows.ts'
import { type FakePlace, fakePlace, NUMBERED } from './bigquery-fakes.ts'

const DAY = '2026-08-03'
const ROWS = 20
const LEASE_MS = 300_000

interface KilledLoad {
  readonly mode: WriteMode
  /** Rows of `load-0` that stay. */
  readonly kept: number
  readonly fileBytesMax?: number
  readonly rejects?: boolean
  readonly rows?: number
  /** Whether the table numbers its rows, one of which each load makes superseded. */
  readonly numbered?: boolean
  /** How many rows of `load-0` it removes. */
  readonly removes?: number
}

const LOADS: Readonly<Record<string, KilledLoad>> = {
  'appends in one file': { mode: { kind: 'append' }, kept: 2 },
  'appends rows while they are written': { mode: { kind: 'append' }, kept: 2, rows: 12_000 },
  'appends several files and rejects': { mode: { kind: 'append' }, kept: 2, fileBytesMax: 1000, rejects: true },
  'replaces the table': { mode: { kind: 'replace-table' }, kept: 0, rejects: true },
  'replaces two days': {
    mode: { kind: 'replace-days', firstDay: '2026-08-02', lastDay: DAY },
    kept: 1,
    rejects: true,
  },
  'makes a row superseded': { mode: { kind: 'append' }, kept: 2, rejects: true, numbered: true },
  'upgrades a table and makes a row superseded': { mode: { kind: 'append' }, kept: 2, rows: 0, numbered: true },
  // The fake notes the statement, and removes nothing.
  'removes a row': { mode: { kind: 'append' }, kept: 2, rows: 0, removes: 1, rejects: true },
  'has rejects only': { mode: { kind: 'append' }, kept: 2, rows: 0, rejects: true },
  'has nothing in it': { mode: { kind: 'append' }, kept: 2, rows: 0 },
}

/** Runs a load on a table that has one, until it is committed or the run is killed. */
async function run(place: FakePlace, killed: KilledLoad, client: string, loadId: string): Promise<boolean> {
  const { mode, fileBytesMax, rejects, rows = ROWS, numbered, removes } = killed
  const destination = place.client(client, fileBytesMax === undefined ? {} : { fileBytesMax })
  try {
    await destination.open(unaborted())
    await makeTable(destination, numbered === true ? NUMBERED : COLUMNS)
    place.fake.store.answer = () => [{ row_id: '9007199254740993', day: DAY }]
    const relation = rows === 0 ? relationOf([], []) : manyRows(rows, DAY)
    await load(destination, loadId, relation, {
      mode,
      ...(removes === undefined
        ? {}
        : { removal: { day: DAY, where: `__rows._day = DATE '${DAY}'`, rowCount: removes } }),
      ...(rejects === true ? { rejects: rejectsOf('x', 'y') } : {}),
      ...(rows === 0 && numbered === true
        ? { record: { selection: { kind: 'upgrade', form: 3, isAgain: false } } }
        : {}),
    })
    return true
  } catch {
    return false
  }
}

async function fill(place: FakePlace): Promise<void> {
  const destination = place.client('before')
  await destination.open(unaborted())
  await makeTable(destination)
  await load(destination, 'load-0', relationOf(COLUMNS, [thing('old'), thing('old', '2026-01-01')]))
  await destination[Symbol.asyncDispose]()
}

/** Every row belongs to a load in the ledger, and each of those is there completely and once. */
async function expectWhole(place: FakePlace, killed: KilledLoad, loadId: string) {
  const { kept, rejects, rows = ROWS, numbered, removes = 0 } = killed
  const reader = place.client('reader')
  await reader.openToRead(unaborted())
  const ledger = (await reader.ledger(TABLE)).map((record) => record.loadId)
  expect(ledger).toEqual(['load-0', loadId])
  const ofLoad = (table: string, id: string, column: string) => place.rows(table).filter((row) => row[column] === id)
  expect(ofLoad(TABLE, loadId, '_load_id')).toHaveLength(rows)
  expect(ofLoad(TABLE, 'load-0', '_load_id')).toHaveLength(kept)
  expect(place.rows(TABLE)).toHaveLength(rows + kept)
  expect(place.rows('_mixload_superseded')).toHaveLength(numbered === true ? 1 : 0)
  expect(place.rows('_mixload_rejects')).toHaveLength(rejects === true ? 2 : 0)
  expect(place.fake.store.statements.some((statement) => statement.startsWith('DELETE'))).toBe(removes > 0)
  expect(place.stages()).toEqual([])
}

/** Requests of the run that is killed: the one at which it dies, and none after. */
type Death = 'before it is done' | 'after it was done'

describe.each(Object.entries(LOADS))('a load that %s', (_, killed) => {
  it.each<Death>(['before it is done', 'after it was done'])(
    'whose run is killed at any request, %s, is there once after the next run has done it again',
    async (death) => {
      for (let at = 0, isOver = false; !isOver; at++) {
        await using place = await fakePlace()
        await fill(place)
        // Every other job takes a while, so that some are running.
        place.fake.jobs.courseOf = ({ id }) => (/[02468a-e]_/.test(id) ? { polls: 2 } : 'at-once')
        place.fake.fault = ({ client }, index) => {
          if (client !== 'killed' || index < at) return undefined
          return index === at && death === 'after it was done' ? 'unanswered' : 'lost'
        }
        isOver = await run(place, killed, 'killed', 'load-1')
        place.fake.advance(LEASE_MS + 1000)

        const next = place.client('next')
        await next.open(unaborted())
        const isSettled = (await next.ledger(TABLE)).some(({ loadId }) => loadId === 'load-1')
        await next[Symbol.asyncDispose]()
        if (!isSettled) expect(await run(place, killed, 'again', 'load-2')).toBe(true)
        await expectWhole(place, killed, isSettled ? 'load-1' : 'load-2')
      }
    },
  )

  it('whose run is killed while it settles what another one left is there once, too', async () => {
    for (let at = 0, isOver = false; !isOver; at++) {
      await using place = await fakePlace()
      await fill(place)
      let isKilled = false
      place.fake.fault = ({ client, job }, index) => {
        if (client === 'killed') {
          const isRows = job?.configuration.labels?.mixload === 'rows'
          const isFault = isKilled ? 'lost' : isRows ? 'unanswered' : undefined
          isKilled ||= isRows
          return isFault
        }
        return client === 'settling' && index >= at ? 'lost' : undefined
      }
      await run(place, killed, 'killed', 'load-1')
      place.fake.advance(LEASE_MS + 1000)
      isOver = await place
        .client('settling')
        .open(unaborted())
        .then(
          () => true,
          () => false,
        )
      place.fake.advance(LEASE_MS + 1000)
      const next = place.client('next')
      await next.open(unaborted())
      const isSettled = (await next.ledger(TABLE)).some(({ loadId }) => loadId === 'load-1')
      await next[Symbol.asyncDispose]()
      if (!isSettled) expect(await run(place, killed, 'again', 'load-2')).toBe(true)
      await expectWhole(place, killed, isSettled ? 'load-1' : 'load-2')
    }
  })
})

describe('what a killed run has sent and what arrives late', () => {
  it.each(Object.entries(LOADS))('has no effect once the next run is open (a load that %s)', async (_, killed) => {
    await using place = await fakePlace()
    await fill(place)
    const { promise: late, resolve: deliver } = Promise.withResolvers<void>()
    let isKilled = false
    place.fake.fault = ({ client, job }) => {
      if (client !== 'killed') return undefined
      const purpose = job?.configuration.labels?.mixload
      if (purpose !== undefined && ['remove', 'rows', 'superseded', 'rejects', 'ledger'].includes(purpose))
        isKilled = true
      return isKilled ? { late } : undefined
    }
    await run(place, killed, 'killed', 'load-1')
    place.fake.advance(LEASE_MS + 1000)
    const next = place.client('next')
    await next.open(unaborted())
    expect(await next.ledger(TABLE)).toHaveLength(1)
    await next[Symbol.asyncDispose]()
    deliver()
    expect(await run(place, killed, 'again', 'load-2')).toBe(true)
    await expectWhole(place, killed, 'load-2')
  })
})
