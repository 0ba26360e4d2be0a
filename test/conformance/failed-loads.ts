import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../lib/core/errors.ts'
import type { Relation } from '../../lib/destination/contract.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { expectFailure, failureOf } from './failures.ts'
import { type DestinationHarness, type OpenStore, openStore } from './harness.ts'
import {
  COLUMNS,
  type LoadOptions,
  load,
  makeTable,
  manyRows,
  property,
  rejectsOf,
  relationOf,
  TABLE,
  thing,
  values,
} from './rows.ts'

const DAY = '2026-08-03'
const ROWS = 5000

interface FailingLoad {
  readonly relation: Relation
  readonly options?: LoadOptions
  readonly code?: ErrorCode
  /** Whether the engine or the driver fails, so that the failure has a cause. */
  readonly hasCause: boolean
}

const RELATION = manyRows(ROWS, DAY)
const REJECTS = rejectsOf('one', 'two')

/** Ways for a load to fail, each after something of it may have been written already. */
const FAILING: Readonly<Record<string, FailingLoad>> = {
  'fails at its last row': { relation: manyRows(ROWS, DAY, ROWS - 1), hasCause: true },
  'fails at a row in the middle': { relation: manyRows(ROWS, DAY, ROWS / 2), hasCause: true },
  'meets a value at its end that can’t be cast': {
    relation: {
      ...RELATION,
      query: `SELECT "_day", "name", CAST(CASE WHEN "amount" = ${(ROWS - 1) / 4} THEN 'much' ELSE '1' END AS DOUBLE) AS "amount"
        FROM (${RELATION.query})`,
    },
    hasCause: true,
  },
  'is not SQL': { relation: { ...RELATION, query: 'SELECT FROM WHERE' }, hasCause: true },
  'has one row too few': {
    relation: { ...RELATION, rowCount: ROWS + 1 },
    code: 'COUNT_MISMATCH',
    hasCause: false,
  },
  'has one row too many': {
    relation: { ...RELATION, rowCount: ROWS - 1 },
    code: 'COUNT_MISMATCH',
    hasCause: false,
  },
  'has rows where none were promised': {
    relation: { ...RELATION, rowCount: 0 },
    code: 'COUNT_MISMATCH',
    hasCause: false,
  },
  'has no rows where some were promised': {
    relation: { ...relationOf(COLUMNS, []), rowCount: 1 },
    code: 'COUNT_MISMATCH',
    hasCause: false,
  },
  'has a reject too few': {
    relation: RELATION,
    options: { rejects: { ...REJECTS, rowCount: 3 } },
    code: 'COUNT_MISMATCH',
    hasCause: false,
  },
  'has a reject too many': {
    relation: RELATION,
    options: { rejects: { ...REJECTS, rowCount: 1 } },
    code: 'COUNT_MISMATCH',
    hasCause: false,
  },
  'has rejects where none were promised': {
    relation: RELATION,
    options: { rejects: { ...REJECTS, rowCount: 0 } },
    code: 'COUNT_MISMATCH',
    hasCause: false,
  },
  'fails among its rejects': {
    relation: RELATION,
    options: {
      rejects: {
        ...REJECTS,
        query: `SELECT reason, CASE WHEN line = 'two' THEN error('reject') ELSE line END AS line FROM (${REJECTS.query})`,
      },
    },
    hasCause: true,
  },
  'has a column that the table lacks': {
    relation: relationOf([...COLUMNS, property('unknown')], [{ ...thing('a'), unknown: 'x' }]),
    hasCause: false,
  },
}

/** Everything that can be seen of a destination's tables and ledger. */
export async function seen({ destination, readRows }: OpenStore, from: Warehouse = destination) {
  return {
    rows: values(await readRows(TABLE)),
    rejects: await readRows('_mixload_rejects'),
    ledger: await from.ledger(TABLE),
    columns: await from.columns(TABLE),
  }
}

export function failedLoads(harness: DestinationHarness): void {
  describe.each(Object.entries(FAILING))('a load that %s', (_, { relation, options, code, hasCause }) => {
    it('leaves no row, no reject and no ledger row, and can be repeated without the fault', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('before')]), { rejects: rejectsOf('before') })
      const before = await seen(store)
      const failing = load(store.destination, 'load-2', relation, { rejects: REJECTS, ...options })
      const failure = await (code === undefined ? failureOf(failing) : expectFailure(failing, code))
      if (hasCause) expect(failure.cause).toBeInstanceOf(Error)
      expect(await seen(store)).toEqual(before)

      const loaded = await load(store.destination, 'load-2', RELATION, { rejects: REJECTS })
      expect(await store.readRows(TABLE)).toHaveLength(ROWS + 1)
      expect(await store.readRows('_mixload_rejects')).toHaveLength(3)
      expect((await store.destination.ledger(TABLE)).at(-1)).toEqual(loaded)
    })
  })

  describe('after a failed load', () => {
    it('nothing of it appears after the destination is reopened', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('before')]))
      const before = await seen(store)
      await failureOf(load(store.destination, 'load-2', manyRows(ROWS, DAY, ROWS - 1), { rejects: REJECTS }))
      const second = (await store.reopen?.()) ?? store.destination
      await second.open(new AbortController().signal)
      expect(await seen(store, second)).toEqual(before)
    })

    it('columns can be added and read', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      await failureOf(load(store.destination, 'load-1', manyRows(10, DAY, 9)))
      await makeTable(store.destination, [property('later')])
      expect((await store.destination.columns(TABLE)).map(({ name }) => name)).toContain('later')
    })
  })
}
