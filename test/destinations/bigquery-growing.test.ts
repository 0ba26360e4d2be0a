import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../lib/core/errors.ts'
import type { Relation, WriteMode } from '../../lib/destination/contract.ts'
import { expectFailure } from '../conformance/failures.ts'
import { LONG, load, makeTable, manyRows, rejectsOf, TABLE, unaborted } from '../conformance/rows.ts'
import { type FakePlace, fakePlace } from './bigquery-fakes.ts'

const DAY = '2026-08-03'
/** So many that they are sent while the engine writes them. */
const COUNT = 20_000
const MODES: readonly WriteMode[] = [
  { kind: 'append' },
  { kind: 'replace-table' },
  { kind: 'replace-days', firstDay: DAY, lastDay: DAY },
]

/** A table with ten rows, and their load in the ledger. */
async function filled(place: FakePlace) {
  const destination = place.client('run')
  await destination.open(unaborted())
  await makeTable(destination)
  await load(destination, 'load-0', manyRows(10, DAY))
  return destination
}

async function expectRows(place: FakePlace, counts: Readonly<Record<string, number>>) {
  const found: Record<string, number> = {}
  for (const { _load_id } of place.rows(TABLE)) found[String(_load_id)] = (found[String(_load_id)] ?? 0) + 1
  expect(found).toEqual(counts)
  expect(place.stages()).toEqual([])
}

describe.each(MODES)('rows that are sent while they are written ($kind)', (mode) => {
  const both = mode.kind === 'append' ? { 'load-0': 10, 'load-1': COUNT } : { 'load-1': COUNT }

  it('arrive whole, in one job', async () => {
    await using place = await fakePlace()
    const destination = await filled(place)
    await load(destination, 'load-1', manyRows(COUNT, DAY), { mode, rejects: rejectsOf('x') })
    await expectRows(place, both)
    expect(new Set(place.rows(TABLE).map(({ name }) => name)).size).toBe(COUNT)
    expect(place.jobsSent().filter(({ id }) => /_load-1_.*_rows/.test(id))).toHaveLength(1)
  })

  it.each<[string, Relation, ErrorCode]>([
    ['the engine fails at the last row', manyRows(COUNT, DAY, COUNT - 1), 'DESTINATION_FAILED'],
    ['there are fewer than promised', { ...manyRows(COUNT, DAY), rowCount: COUNT + 1 }, 'COUNT_MISMATCH'],
    ['there are more than promised', { ...manyRows(COUNT, DAY), rowCount: COUNT - 1 }, 'COUNT_MISMATCH'],
  ])('leave nothing if %s', async (_, relation, code) => {
    await using place = await fakePlace()
    const destination = await filled(place)
    await expectFailure(load(destination, 'load-1', relation, { mode, rejects: rejectsOf('x') }), code)
    // Not even a failed job, because the request was never complete.
    expect(place.jobsSent().filter(({ purpose, id }) => purpose === 'rows' && /_load-1_/.test(id))).toEqual([])
    await expectRows(place, { 'load-0': 10 })
    expect(place.rows('_mixload_rejects')).toEqual([])
    await load(destination, 'load-1', manyRows(COUNT, DAY), { mode })
    await expectRows(place, both)
  })

  it('leave nothing if the load is aborted meanwhile', async () => {
    await using place = await fakePlace()
    const destination = await filled(place)
    const enough = new Error('enough')
    const controller = new AbortController()
    const before = place.fake.requests.length
    // First the pending load is noted. The next request brings the rows. The engine has written
    // none of them yet.
    place.fake.cuts = (_, index) => {
      if (index === before + 1) controller.abort(enough)
      return false
    }
    const relation = { ...LONG, rowCount: COUNT }
    const loading = load(destination, 'load-1', relation, { mode, signal: controller.signal })
    await expect(loading).rejects.toBe(enough)
    expect(controller.signal.aborted).toBe(true)
    await expectRows(place, { 'load-0': 10 })
    place.fake.cuts = () => false
    await load(destination, 'load-1', manyRows(COUNT, DAY), { mode })
    await expectRows(place, both)
  })

  it('are sent again from the first one if the connection breaks', async () => {
    await using place = await fakePlace()
    const destination = await filled(place)
    const before = place.fake.requests.length
    place.fake.cuts = (_, index) => index === before + 1
    await load(destination, 'load-1', manyRows(COUNT, DAY), { mode })
    await expectRows(place, both)
    expect(new Set(place.rows(TABLE).map(({ name }) => name)).size).toBe(COUNT)
  })
})
