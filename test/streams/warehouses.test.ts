import { afterAll, describe, expect, it } from 'vitest'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { ANNOTATIONS_STREAM } from '../../lib/streams/annotations.ts'
import { COHORT_MEMBERS_STREAM } from '../../lib/streams/cohort-members.ts'
import { COHORTS_STREAM } from '../../lib/streams/cohorts.ts'
import { ENGAGE_STREAM } from '../../lib/streams/engage.ts'
import { funnelsStream } from '../../lib/streams/funnels.ts'
import { revenueStream } from '../../lib/streams/revenue.ts'
import { type DestinationHarness, openStore } from '../conformance/harness.ts'
import { bigqueryHarness } from '../destinations/bigquery-harness.ts'
import { type BigQueryPlace, emulatedBigQuery } from '../destinations/bigquery-places.ts'
import { DUCKDB } from '../destinations/duckdb-harness.ts'
import { PARQUET } from '../destinations/parquet-harness.ts'
import { postgresHarness } from '../destinations/postgres-harness.ts'
import { type SimulatedProject, simulatedProject } from './simulated.ts'

const SLICES = [
  { firstDay: '2026-08-01', lastDay: '2026-08-02' },
  { firstDay: '2026-08-03', lastDay: '2026-08-03' },
]
const TABLES = ['cohorts', 'annotations', 'funnels', 'funnel_steps', 'revenue', 'engage', 'cohort_members']
const VIEWS = TABLES.map((table) => `${table}_latest`)
const NOT_COMPARED = ['_loaded_at', '_load_id']

let emulator: Promise<BigQueryPlace> | undefined
afterAll(async () => {
  await (await emulator)?.stop()
})
function bigQuery(): Promise<BigQueryPlace> {
  emulator ??= emulatedBigQuery()
  return emulator
}

function fill({ simulator }: SimulatedProject): void {
  simulator.cohorts.set({ id: 7, name: 'Pros', members: ['ann'], created: '2021-09-14 15:57:43' })
  simulator.annotations.set({ id: 1, date: '2026-02-15 12:00:00', description: 'Release', tags: ['new'] })
  simulator.funnels.set({ id: 7509, name: 'Signup', steps: ['App Open', { event: 'Signed Up', selector: { a: [1] } }] })
  simulator.funnels.setDay(7509, '2026-08-01', [320, 201])
  simulator.profiles.set('ann', { $transactions: [{ $amount: 49.9, $time: '2026-08-01T10:00:00' }] })
}

/** The members of JSON have no order. */
function comparable(cell: unknown): unknown {
  return typeof cell === 'string' && /^[[{]/.test(cell) ? JSON.parse(cell) : cell
}

/** Profiles and members that come on two pages each, and once more after a change. */
async function loadProfiles({ simulator, run }: SimulatedProject, destination: Warehouse): Promise<void> {
  const paged = { destination, settings: { engagePageSize: 2, maxRemoved: '100%' } }
  simulator.profiles.set('cem', '{"account":9007199254740993,"plan":"pro","tags":["a",1.50]}')
  simulator.cohorts.set({ id: 9, name: 'All', members: ['ann', 'bob', 'cem'] })
  for (const stream of [ENGAGE_STREAM, COHORT_MEMBERS_STREAM]) {
    simulator.fault({ kind: 'repeat', count: 1, times: 2, match: { path: '/api/query/engage' } })
    await run(stream, paged)
  }
  simulator.profiles.set('cem', { plan: true })
  simulator.cohorts.set({ id: 9, name: 'All', members: ['ann'] })
  for (const stream of [ENGAGE_STREAM, COHORT_MEMBERS_STREAM]) await run(stream, paged)
}

/** Lists of which one item cannot be read: what the warehouse has of it stays. */
async function loadWithFaults({ simulator, run }: SimulatedProject, destination: Warehouse): Promise<void> {
  const results = [{ id: null }, { id: 2, date: '2026-02-16 12:00:00', description: 'Next', tags: [] }]
  const body = JSON.stringify({ status: 'ok', results })
  simulator.fault({ kind: 'body', match: { path: '/api/app/projects' }, body })
  await run(ANNOTATIONS_STREAM, { destination })
  simulator.cohorts.set({ id: 10, name: 'New', members: ['bob'] })
  const parameters = { filter_by_cohort: '{"id":9}' }
  const error = JSON.stringify({ error: 'broken' })
  simulator.fault({ kind: 'body', status: 400, match: { path: '/api/query/engage', parameters }, body: error })
  await run(COHORT_MEMBERS_STREAM, { destination })
}

/**
 * What each view shows after the days were loaded, loaded again after a change, and one of them
 * replaced.
 */
async function contentsOf(harness: DestinationHarness): Promise<Readonly<Record<string, readonly unknown[]>>> {
  await using project = await simulatedProject({ timezone: 'Europe/Berlin' })
  await using store = await openStore(harness)
  const { destination } = store
  fill(project)
  for (const stream of [COHORTS_STREAM, ANNOTATIONS_STREAM]) await project.run(stream, { destination })
  for (const stream of [funnelsStream(), revenueStream()]) await project.run(stream, { destination, slices: SLICES })
  project.simulator.cohorts.delete(7)
  project.simulator.cohorts.set({ id: 8, name: 'Late' })
  project.simulator.funnels.setDay(7509, '2026-08-01', [320, 215])
  await project.run(COHORTS_STREAM, { destination })
  await project.run(funnelsStream(), { destination, slices: SLICES })
  project.simulator.profiles.set('bob', { $transactions: [{ $amount: 1, $time: '2026-08-03T10:00:00' }] })
  const settings = { write: 'replace' }
  for (const stream of [funnelsStream(), revenueStream()]) {
    await project.run(stream, { destination, slices: SLICES.slice(1), settings })
  }
  await loadProfiles(project, destination)
  await loadWithFaults(project, destination)
  const contents: Record<string, readonly unknown[]> = {}
  for (const view of VIEWS) {
    contents[view] = (await store.readRows(view))
      .map((row) => {
        const cells = Object.entries(row).filter(([name]) => !NOT_COMPARED.includes(name))
        return Object.fromEntries(cells.map(([name, cell]) => [name, comparable(cell)]))
      })
      .map((row) => [[row.date, row.step, row.distinct_id].map(String).join(), row] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => row)
  }
  return contents
}

describe('the views of all streams have the same rows', () => {
  const reference = contentsOf(DUCKDB)

  it('in DuckDB, with which the others are compared', async () => {
    const { cohorts_latest, annotations_latest, funnels_latest, funnel_steps_latest, ...others } = await reference
    const { revenue_latest, engage_latest, cohort_members_latest } = others
    expect(engage_latest).toMatchObject([
      { distinct_id: 'ann', account: null },
      { distinct_id: 'bob' },
      { distinct_id: 'cem', account: null, plan: 'true' },
    ])
    expect(cohort_members_latest).toMatchObject([
      { cohort_id: 9n, distinct_id: 'ann' },
      { cohort_id: 10n, distinct_id: 'bob' },
    ])
    expect(cohorts_latest).toMatchObject([{ id: 8n }])
    expect(annotations_latest).toMatchObject([
      { id: 1n, date: '2026-02-15T11:00:00.000Z', description: 'Release', tags: [{ name: 'new' }] },
      { id: 2n, date: '2026-02-16T11:00:00.000Z', description: 'Next' },
    ])
    expect(funnels_latest).toMatchObject([{ completion: 215n }, { completion: 0n }, { date: '2026-08-03' }])
    expect(funnel_steps_latest).toHaveLength(6)
    expect(revenue_latest).toMatchObject([{ amount: 49.9, count: 1n }, { amount: 0 }, { amount: 1, count: 2n }])
  })

  it.each([
    ['Postgres', () => postgresHarness(18)],
    ['Parquet', () => PARQUET],
    ['BigQuery', () => bigqueryHarness(bigQuery, 'bigquery')],
  ])('in %s', async (_, harness) => {
    expect(await contentsOf(harness())).toEqual(await reference)
  })
})
