import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packagePath } from '../lib/core/package-root.ts'
import {
  backfill,
  check,
  loadFiles,
  type ProgressEvent,
  plan,
  type RunOptions,
  type SettingsInput,
  status,
  sync,
  verify,
  views,
} from '../lib/index.ts'
import type { SettingName } from '../lib/settings.ts'
import { type Simulator, startSimulator } from '../lib/simulator/index.ts'
import { addDays } from '../lib/time/days.ts'

/** Every setting can be given by a program. */
const isComplete: [SettingName] extends [keyof SettingsInput] ? true : false = true

const yesterday = addDays(new Date().toISOString().slice(0, 10), -1)
const daysAgo = (count: number) => addDays(yesterday, 1 - count)

function event(day: string, id: string) {
  const time = Date.parse(`${day}T12:00:00Z`)
  return { event: 'Seen', properties: { time, distinct_id: 'p', $insert_id: id } }
}

let simulator: Simulator
let directory: string
let options: RunOptions & { readonly from: string; readonly to: string }
let progress: ProgressEvent[]

beforeEach(async () => {
  simulator = await startSimulator({ requestsPerHour: 0, requestsPerSecond: 0 })
  directory = await mkdtemp(join(tmpdir(), 'mixload-product-'))
  const { projectId, serviceAccount } = simulator.credentials
  progress = []
  options = {
    destination: `duckdb:${join(directory, 'warehouse.duckdb')}`,
    apiUrl: simulator.url,
    projectId,
    serviceAccount: serviceAccount.user,
    serviceAccountSecret: serviceAccount.secret,
    stateDir: join(directory, 'state'),
    spoolDir: join(directory, 'spool'),
    streams: ['export', 'engage'],
    requestsPerHour: 0,
    queryRequestsPerHour: 0,
    from: daysAgo(4),
    to: daysAgo(2),
    onProgress: (event) => progress.push(event),
  }
  await simulator.ingest([4, 3, 2].flatMap((ago) => [event(daysAgo(ago), `a${ago}`), event(daysAgo(ago), `b${ago}`)]))
  simulator.profiles.set('p', { plan: 'pro' })
})
afterEach(async () => {
  await simulator.close()
  await rm(directory, { recursive: true, force: true })
})

/** The options without days. */
function withoutDays(): RunOptions {
  return { ...options, from: undefined, to: undefined }
}

describe('the product as functions', () => {
  it('backfill and sync load all streams, return what became of each, and report progress', async () => {
    expect(isComplete).toBe(true)
    expect(await backfill(options)).toMatchObject([
      {
        stream: 'export',
        outcome: 'done',
        rows: 6,
        days: 3,
        slices: 3,
        rejects: 0,
        skippedSlices: [],
        late: new Map(),
      },
      { stream: 'engage', outcome: 'done', rows: 1, days: undefined, slices: 1 },
    ])
    const loaded = progress.flatMap((event) =>
      event.kind === 'slice-loaded' ? [[event.table, event.record.rowCount]] : [],
    )
    // Profiles are loaded beside the events.
    expect(loaded.filter(([table]) => table === 'export')).toEqual(loadedDays())
    expect(loaded.filter(([table]) => table !== 'export')).toEqual([['engage', 1]])
    await simulator.ingest([event(daysAgo(3), 'late')])
    const [events] = await sync({ ...withoutDays(), streams: ['export'], to: daysAgo(2) })
    expect(events).toMatchObject({ outcome: 'done', slices: 3, rows: 1, late: new Map([[daysAgo(3), 1]]) })
  })

  it('plan returns what would be requested, and writes nothing', async () => {
    const { timezone, streams } = await plan(options)
    expect(timezone).toBe('UTC')
    expect(streams).toMatchObject([
      { stream: 'export', days: 3, requests: 3, budget: { left: Number.POSITIVE_INFINITY, minutesWaiting: 0 } },
      { stream: 'engage', days: undefined, slices: [], requests: 1, profiles: 1 },
    ])
    expect(await status(withoutDays())).toEqual([])
  })

  it('status, views, check and verify look at what is there', async () => {
    await backfill(options)
    expect(await status(withoutDays())).toMatchObject([
      { stream: 'export', rows: 6, loads: 3, days: { lastWhole: daysAgo(2), gaps: [] } },
      { stream: 'engage', rows: 1, days: undefined },
    ])
    expect(await views(withoutDays())).toContain('export_latest')
    expect((await check(withoutDays())).filter(({ ok }) => !ok)).toEqual([])
    expect(await verify(options)).toMatchObject({ differences: [], compared: 3 })
    await simulator.ingest([event(daysAgo(3), 'late')])
    expect(await verify(options)).toMatchObject({ differences: [{ day: daysAgo(3), warehouse: 2, mixpanel: 3 }] })
    expect(await verify({ ...options, repair: true })).toMatchObject({ differences: [] })
  })

  it('loadFiles loads files, leaves out those that are loaded, and lists those that fail', async () => {
    const [good, bad] = [join(directory, 'good'), join(directory, 'bad')]
    await writeFile(good, `${JSON.stringify(event(daysAgo(9), 'f'))}\n`)
    await writeFile(bad, 'hello\nworld\n')
    const skipped = [{ slice: { file: bad }, error: { code: 'BODY_UNREADABLE' } }]
    expect(await loadFiles([good, bad], withoutDays())).toMatchObject({ rows: 1, slices: 1, skippedSlices: skipped })
    expect(await loadFiles([good], withoutDays())).toMatchObject({ rows: 0, alreadyLoaded: [{ file: good }] })
    await expect(loadFiles(['-'], withoutDays())).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('a stream that is not on the plan is skipped, and the others are loaded', async () => {
    simulator.fault({ kind: 'payment', match: { path: '/api/2.0/export' } })
    expect(await backfill(options)).toMatchObject([
      { stream: 'export', outcome: 'skipped', error: { code: 'PLAN_REFUSED' } },
      { stream: 'engage', outcome: 'done' },
    ])
  })

  it('an aborted signal ends a run; what is committed stays', async () => {
    const stop = new AbortController()
    const onProgress = (event: ProgressEvent) => void (event.kind === 'slice-loaded' && stop.abort())
    await expect(backfill({ ...options, streams: ['export'], signal: stop.signal, onProgress })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
    expect(await status(withoutDays())).toMatchObject([{ stream: 'export', loads: 1 }])
    await expect(sync({ ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })

  it.each<[string, object, RegExp]>([
    ['a value of another form', { from: 'yesterday' }, /^from: "yesterday" is not valid: must be a day/],
    ['an unknown setting', { colour: 'red' }, /^unknown setting colour\. Known settings: destination,/],
    ['several wrong settings', { write: 'delete', maxColumns: 1 }, /^maxColumns: .*\nwrite: /],
    ['no first day', { from: undefined }, /backfill needs the first day/],
    ['no credentials', { serviceAccount: undefined, serviceAccountSecret: undefined }, /No credentials/],
    [
      'two settings that do not go together',
      { write: 'replace', events: ['Seen'] },
      /^`write` replace would remove the events that `events` leaves out/,
    ],
  ])('%s is refused with the message of the command line, with names instead of flags', async (_, wrong, message) => {
    await expect(backfill({ ...options, ...wrong })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    })
  })
})

function loadedDays(): readonly (readonly [string, number])[] {
  return [4, 3, 2].map(() => ['export', 2] as const)
}

describe('the examples of docs/library.md', () => {
  it('run', async () => {
    const page = await readFile(packagePath('docs', 'library.md'), 'utf8')
    const programs = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, program = '']) => program)
    const days = [1, 2, 3, 4, 5].map((day) => `2026-03-0${day}`)
    await simulator.ingest(days.map((day) => event(day, day)))
    await mkdir(join(directory, 'node_modules'))
    await symlink(packagePath(), join(directory, 'node_modules', 'mixload'))
    await writeFile(join(directory, 'package.json'), '{"type":"module"}')
    const { projectId, serviceAccount } = simulator.credentials
    const environment = {
      PATH: process.env.PATH,
      MIXPANEL_API_URL: simulator.url,
      MIXPANEL_PROJECT_ID: projectId,
      MIXPANEL_SERVICE_ACCOUNT: serviceAccount.user,
      MIXPANEL_SERVICE_ACCOUNT_SECRET: serviceAccount.secret,
      MIXLOAD_STATE_DIR: join(directory, 'state'),
      MIXLOAD_SPOOL_DIR: join(directory, 'spool'),
    }
    const outputs: string[] = []
    for (const [at, program] of programs.entries()) {
      const path = join(directory, `example-${at}.ts`)
      await writeFile(path, program)
      const ran = await promisify(execFile)(process.execPath, [path], { cwd: directory, env: environment })
      outputs.push(ran.stdout)
    }
    expect(outputs).toEqual([
      'export done 3 0\nengage done 1 0\n',
      expect.stringMatching(/^from: "yesterday" is not valid/),
      'export 2026-03-04 1\nstopped\n',
    ])
  })
})
