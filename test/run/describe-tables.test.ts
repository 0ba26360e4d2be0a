import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DuckDbDriver } from '../../destinations/duckdb/driver.ts'
import { createWarehouse } from '../../destinations/index.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { backfill, loadFiles, type ProgressEvent, type RunOptions, sync, views } from '../../lib/index.ts'
import { toBackfill } from '../../lib/run/choose-days.ts'
import { loadStreams } from '../../lib/run/load-streams.ts'
import type { Session } from '../../lib/run/session.ts'
import { settingsFrom } from '../../lib/settings.ts'
import { type Simulator, startSimulator } from '../../lib/simulator/index.ts'
import { type DriverCall, intercepted } from '../destination/intercepted.ts'
import { query } from '../destinations/duckdb-harness.ts'

const DAY = '2026-08-03'
const NEXT = '2026-08-04'

function event(id: string, properties: object, day = DAY) {
  return {
    event: 'Bought',
    properties: { time: Date.parse(`${day}T12:00:00Z`), distinct_id: 'p', $insert_id: id, ...properties },
  }
}

let simulator: Simulator
let directory: string
let path: string
let options: RunOptions
let progress: ProgressEvent[]

beforeEach(async () => {
  simulator = await startSimulator({ requestsPerHour: 0, requestsPerSecond: 0 })
  directory = await mkdtemp(join(tmpdir(), 'mixload-describe-'))
  path = join(directory, 'warehouse.duckdb')
  const { projectId, serviceAccount } = simulator.credentials
  progress = []
  options = {
    destination: `duckdb:${path}`,
    apiUrl: simulator.url,
    projectId,
    serviceAccount: serviceAccount.user,
    serviceAccountSecret: serviceAccount.secret,
    timezone: 'UTC',
    stateDir: join(directory, 'state'),
    spoolDir: join(directory, 'spool'),
    requestsPerHour: 0,
    queryRequestsPerHour: 0,
    streams: ['export', 'engage', 'revenue'],
    engageHistory: true,
    from: DAY,
    to: DAY,
    onProgress: (event) => progress.push(event),
  }
  await simulator.ingest([event('a', { plan: 'pro', price: 1, $city: 'Bonn', $browser: 'Firefox' })])
  simulator.profiles.set('p', { plan: 'pro', $email: 'p@example.com' })
})
afterEach(async () => {
  await simulator.close()
  await rm(directory, { recursive: true, force: true })
})

/** The comments by `table` and `table.column`; null where there is none. */
async function comments(): Promise<ReadonlyMap<string, unknown>> {
  const rows = await query(
    path,
    `SELECT table_name AS name, comment FROM duckdb_tables()
     UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal
     UNION ALL SELECT table_name || '.' || column_name, comment FROM duckdb_columns() WHERE NOT internal`,
  )
  return new Map(rows.map(({ name, comment }) => [String(name), comment]))
}

const lexiconRequests = () => simulator.requests.filter(({ path }) => path.includes('/schemas')).length
const warnings = () => progress.flatMap((event) => (event.kind === 'warning' ? [event.message] : []))

/** The session of a run whose calls to the driver pass through `intercept`. */
function sessionWith(before: (call: DriverCall) => void): Session {
  const { onProgress, signal: _, ...given } = options
  return {
    settings: settingsFrom(given),
    async createWarehouse({ engine }, retries) {
      const driver = new DuckDbDriver({ path, schema: 'mixpanel', engine })
      const counted = intercepted(driver, async (call, work) => {
        before(call)
        return work()
      })
      return new Warehouse(counted, { engine, retries })
    },
    onProgress: onProgress ?? (() => {}),
    signal: new AbortController().signal,
  }
}

describe('comments after a run', () => {
  it('are on every table, view and column', async () => {
    await backfill(options)
    const found = await comments()
    expect([...found].filter(([, comment]) => comment === null)).toEqual([])
    for (const [name, comment] of Object.entries({
      export_latest: "Each event once, by Mixpanel's own rule, without events deleted in Mixpanel.",
      'export.time': 'When the event happened, UTC, to the millisecond. Property time.',
      'export.mp_insert_id':
        'Id from the sender; with event, person and time it identifies duplicates. Property $insert_id.',
      'export._loaded_at': 'When the load was committed; one value per load, growing in the order of commits.',
      'engage_history.valid_to': 'When mixload first saw another state, or none; null for the present state.',
      '_mixload_columns.column_name': 'Column.',
      'revenue_latest.amount': 'Sum of the charges of the day. Property amount.',
    })) {
      expect(found.get(name), name).toBe(comment)
    }
    const today = new Date().toISOString().slice(0, 7)
    expect(found.get('export.plan')).toMatch(`Property plan. First seen ${today}`)
    expect(found.get('export_latest.plan')).toBe(found.get('export.plan'))
    expect(found.get('engage_latest.mp_email')).toMatch(`E-mail address. Property $email. First seen ${today}`)
    expect(found.get('export.mp_city')).toMatch(`City, from the address or coordinates. Property $city. First seen`)
  })

  it('follow new columns, and stay as the user has changed them until the views are made again', async () => {
    await backfill(options)
    const session = sessionWith(() => {})
    const warehouse = await open(session)
    await warehouse.putComments([{ name: 'export_latest', kind: 'view', text: 'Ours', columns: new Map() }])
    await warehouse[Symbol.asyncDispose]()
    await simulator.ingest([event('b', { price: 'free', coupon: 'x' }, NEXT)])
    await sync({ ...options, streams: ['export'], from: NEXT, to: NEXT })
    const found = await comments()
    expect([...found].filter(([, comment]) => comment === null)).toEqual([])
    expect(found.get('export.price')).toMatch(/Values that do not fit are in price__text, as text\.$/)
    expect(found.get('export_latest.price')).toBe(found.get('export.price'))
    expect(found.get('export.price__text')).toMatch(
      /^Values of the property price that do not fit into price, as text\./,
    )
    await views(options)
    expect((await comments()).get('export_latest')).toMatch(/^Each event once/)
  })

  it('are not written in a run that brings nothing new, which also leaves the Lexicon alone', async () => {
    await backfill({ ...options, lexicon: true })
    expect(lexiconRequests()).toBe(1)
    const calls: string[] = []
    const session = sessionWith(({ name }) => calls.push(name))
    await loadStreams(session, toBackfill(session.settings))
    expect(calls.filter((name) => name.endsWith('Comments'))).toEqual(['readComments'])
    await backfill({ ...options, lexicon: true })
    expect(lexiconRequests()).toBe(1)
  })

  it('have the words of the Lexicon, which a later run without it leaves', async () => {
    const properties = {
      plan: { type: 'string', description: ' What they "pay"\nfor\u0000' },
      price: { metadata: { 'com.mixpanel': { displayName: 'Price in EUR' } } },
      odd: 7,
    }
    simulator.lexicon.push(
      { entityType: 'event', name: 'Bought', schemaJson: { properties } },
      { entityType: 'profile', name: '$user', schemaJson: { properties: { plan: { description: 'Their plan' } } } },
    )
    await backfill({ ...options, lexicon: true })
    const found = await comments()
    expect(found.get('export.plan')).toMatch(/^What they "pay"\nfor\ufffd\. Property plan\. First seen/)
    expect(found.get('export_latest.price')).toMatch(/^Price in EUR\. Property price\./)
    expect(found.get('engage.plan')).toMatch(/^Their plan\. Property plan\./)
    expect(found.get('engage_history.plan')).toMatch(/^Their plan\. Property plan\./)
    await backfill({ ...options, write: 'replace' })
    expect(await comments()).toEqual(found)
    simulator.refuse('lexicon', 403)
    await views({ ...options, lexicon: true })
    expect(await comments()).toEqual(found)
    expect(warnings().join('\n')).toContain('The Lexicon is left out')
    simulator.refuse('lexicon', undefined)
    simulator.lexicon.length = 0
    await views({ ...options, lexicon: true })
    expect((await comments()).get('export.plan')).toMatch(/^Property plan\./)
  })

  it('are written without the Lexicon if Mixpanel refuses it, or if there is no service account', async () => {
    simulator.refuse('lexicon', 403)
    const results = await backfill({ ...options, lexicon: true })
    expect(results.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done'])
    expect(warnings().join('\n')).toContain('The Lexicon is left out')
    expect((await comments()).get('export.plan')).toMatch(/^Property plan\./)
    const { apiSecret } = simulator.credentials
    const withSecret = {
      ...options,
      serviceAccount: undefined,
      serviceAccountSecret: undefined,
      apiSecret,
      lexicon: true,
    }
    await simulator.ingest([event('c', { fresh: 1 })])
    const again = await backfill({ ...withSecret, streams: ['export'], write: 'replace', from: DAY, to: NEXT })
    expect(again.map(({ outcome }) => outcome)).toEqual(['done'])
    await expect(views(withSecret)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('that cannot be written are a warning, and the next run writes them', async () => {
    const session = sessionWith(({ name }) => {
      if (name === 'writeComments') throw new MixloadError('DESTINATION_FAILED', 'no comments today')
    })
    const results = await loadStreams(session, toBackfill(session.settings))
    expect(results.map(({ outcome, rows }) => [outcome, rows])).toMatchObject([
      ['done', 1],
      ['done', expect.anything()],
      ['done', 1],
    ])
    expect(warnings().join('\n')).toMatch(/no comments today.* The tables are loaded\. The next run/)
    expect((await comments()).get('export')).toBeNull()
    await backfill(options)
    expect((await comments()).get('export')).toMatch(/^Rows of the raw export/)
  })

  it('are written by a load of files, too', async () => {
    const file = join(directory, 'events.ndjson')
    await writeFile(file, `${JSON.stringify(event('a', { plan: 'pro' }))}\n`)
    await loadFiles([file], { ...options, from: undefined, to: undefined, streams: undefined })
    expect((await comments()).get('export.plan')).toMatch(/^Property plan\./)
  })
})

async function open(session: Session): Promise<Warehouse> {
  const engine = await Engine.create({ memoryLimit: undefined, temporaryDirectory: directory })
  const warehouse = await createWarehouse(
    { url: `duckdb:${path}`, schema: 'mixpanel', engine, workDirectory: directory, warn: () => {} },
    { policy: { retries: {}, firstDelayMs: 1, delayMaxMs: 1 }, signal: session.signal, onRetry: () => {} },
  )
  await warehouse.open(session.signal)
  return warehouse
}
