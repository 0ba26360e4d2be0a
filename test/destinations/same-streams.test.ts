import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { latestName } from '../../lib/columns/naming.ts'
import { RequestBudget } from '../../lib/mixpanel/budget.ts'
import { MixpanelClient } from '../../lib/mixpanel/client.ts'
import { apiHosts } from '../../lib/mixpanel/regions.ts'
import { loadStream } from '../../lib/run/load-stream.ts'
import { StreamTally } from '../../lib/run/tally.ts'
import { resolveSettings } from '../../lib/settings.ts'
import { type Simulator, startSimulator } from '../../lib/simulator/index.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'
import { streamsOf } from '../../lib/streams/index.ts'
import { type DestinationHarness, openStore, type StoredRow } from '../conformance/harness.ts'
import { unaborted } from '../conformance/rows.ts'
import { planOf } from '../run/loading.ts'
import { comparable } from './comparable-rows.ts'
import { HARNESSES, stopPlaces } from './every-destination.ts'

const NAMES = ['cohorts', 'annotations', 'funnels', 'revenue', 'engage', 'groups', 'cohort_members'] as const
const TABLES = [
  'cohorts',
  'annotations',
  'funnels',
  'funnel_steps',
  'revenue',
  'engage',
  'group_company',
  'cohort_members',
]
const DAYS = { firstDay: '2026-08-01', lastDay: '2026-08-03' }

/** A project with something awkward in each of its parts. */
async function newProject(): Promise<Simulator> {
  const simulator = await startSimulator({ requestsPerHour: 0, today: '2026-08-31', engage: { pageSize: 7 } })
  for (let at = 0; at < 20; at++) {
    simulator.profiles.set(`p${at}`, {
      $name: `Ann "${at}" 😀\n`,
      Plan: at % 2 === 0 ? 'pro' : at,
      plan: null,
      tags: [at, 'x', { deep: [null] }],
      big: at,
      $transactions: [{ $amount: 10.5 + at, $time: `2026-08-0${1 + (at % 3)}T10:00:00` }],
    })
  }
  simulator.groupProfiles('-12').set('Acme', { seats: 4, name: "O'Hara \\ Söhne" })
  simulator.cohorts.set({ id: 7, name: 'Pros', members: ['p0', 'p2', 'nobody'] })
  simulator.cohorts.set({ id: 8, name: 'None', members: [] })
  simulator.funnels.set({ id: 7509, name: 'Signup', steps: ['App Open', { event: 'Signed Up', step_label: 'Done' }] })
  simulator.funnels.setDay(7509, '2026-08-01', [320, 201])
  simulator.funnels.setDay(7509, '2026-08-02', [9, { count: 4, avg_time: 12.5, selector: 'x' }])
  simulator.annotations.set({ date: '2026-08-01 12:00:00', description: 'Release 4.2 – "größe"' })
  return simulator
}

/** What has happened by the next night. */
function change(simulator: Simulator): void {
  simulator.profiles.set('p1', { Plan: ['a', 'list'], new_one: true })
  simulator.profiles.delete('p2')
  simulator.cohorts.delete(8)
  simulator.funnels.setDay(7509, '2026-08-01', [320, 215])
}

interface Contents {
  readonly columns: Readonly<Record<string, unknown>>
  readonly tables: Readonly<Record<string, readonly StoredRow[]>>
}

/** Runs all streams two nights long. */
async function contentsOf(harness: DestinationHarness): Promise<Contents> {
  await using simulator = await newProject()
  await using store = await openStore(harness)
  const { destination, engine } = store
  const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  try {
    const { serviceAccount, projectId } = simulator.credentials
    await using spool = await SpoolDirectory.create(directory)
    await using client = new MixpanelClient({
      hosts: apiHosts('us', simulator.url),
      credentials: { kind: 'service-account', ...serviceAccount },
      projectId,
      firstByteTimeoutMs: 60_000,
      idleTimeoutMs: 60_000,
    })
    const settings = resolveSettings(
      {},
      {},
      {
        projectId,
        serviceAccount: serviceAccount.user,
        groups: { company: '-12' },
        engagePageSize: 7,
        engageHistory: destination.capabilities.queries,
      },
    )
    const budget = new RequestBudget(directory, 'query', { perHour: 0, perSecond: 0 })
    const budgets = { data: budget, app: budget }
    const zone = 'Europe/Berlin'
    const onProgress = () => {}
    const options = { settings, zone, client, budgets, destination, engine, spool, onProgress, signal: unaborted() }
    for (const night of [1, 2]) {
      if (night === 2) change(simulator)
      for (const stream of NAMES.flatMap((name) => streamsOf(name, settings))) {
        await loadStream(planOf(stream, [DAYS]), options, new StreamTally(stream))
      }
    }
    const columns: Record<string, unknown> = {}
    const tables: Record<string, readonly StoredRow[]> = {}
    const changes = destination.capabilities.queries ? ['engage_changes'] : []
    for (const table of [...TABLES, ...changes]) {
      const known = await destination.columns(table)
      columns[table] = known.map(({ name, type, role, property, owner }) => ({ name, type, role, property, owner }))
      tables[table] = comparable((await store.readRows(table)).map(unmoved), known)
      if (!harness.queriesViews) continue
      const view = table === 'engage_changes' ? 'engage_history' : latestName(table)
      tables[view] = comparable((await store.readRows(view)).map(unmoved), known)
    }
    return { columns, tables }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** A row without what differs in every run: ids of loads, and when things were seen. */
function unmoved({ _load_id, _changed_at, valid_from, valid_to, ...row }: StoredRow): StoredRow {
  return valid_to === undefined ? row : { ...row, is_current: valid_to === null }
}

describe('the same project makes the same tables', () => {
  let reference: Contents
  beforeAll(async () => {
    reference = await contentsOf(await (HARNESSES.duckdb ?? Promise.reject)())
  })
  afterAll(stopPlaces)

  it('and has rows in each of them', () => {
    const { tables } = reference
    const counts = Object.fromEntries(Object.entries(tables).map(([name, rows]) => [name, rows.length]))
    expect(counts).toMatchObject({
      cohorts: 1,
      annotations: 1,
      funnels_latest: 3,
      revenue_latest: 3,
      engage: 19,
      group_company: 1,
      cohort_members: 3,
      engage_changes: 22,
      engage_history: 21,
    })
    expect(tables.funnel_steps?.length).toBeGreaterThan(tables.funnel_steps_latest?.length ?? 0)
  })

  it.each(Object.entries(HARNESSES))('in %s', async (_, harness) => {
    const { columns, tables } = await contentsOf(await harness())
    for (const [name, known] of Object.entries(columns)) expect(known, name).toEqual(reference.columns[name])
    expect(Object.keys(tables)).toEqual(expect.arrayContaining(TABLES))
    for (const [name, rows] of Object.entries(tables)) expect(rows, name).toEqual(reference.tables[name])
  })
})
