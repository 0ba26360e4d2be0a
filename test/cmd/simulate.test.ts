import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packagePath } from '../../lib/core/package-root.ts'
import { ended } from './run-mixload.ts'

let directory: string
let child: ChildProcess | undefined

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mixload-simulate-'))
})

afterEach(async () => {
  if (child !== undefined && child.exitCode === null) {
    child.kill()
    await once(child, 'exit')
  }
  child = undefined
  await rm(directory, { recursive: true, force: true })
})

function simulate(...args: string[]): ChildProcess {
  child = spawn(process.execPath, [packagePath('dist', 'cmd', 'mixload.js'), 'simulate', '--port', '0', ...args], {
    env: { PATH: process.env.PATH, HOME: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return child
}

async function file(name: string, ...records: object[]): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  return path
}

test('files of all kinds are served, except the streams of --refuse', async () => {
  const profile = (id: string) => ({ $distinct_id: id, $properties: { seats: 4 } })
  const { stdout } = simulate(
    ...['--json', '--refuse', 'revenue=404', 'groups=403'],
    ...['--data', await file('e', { event: 'A', properties: { time: 1_785_000_000, distinct_id: 'ann' } })],
    ...['--profiles', await file('p1', profile('ann')), await file('p2', profile('bob'))],
    `--group-profiles=-12=${await file('g=1', profile('Acme'))}`,
    ...['--cohorts', await file('c', { id: 7, name: 'Pros', members: ['ann'] })],
    ...['--annotations', await file('a', { id: 3, date: '2026-02-15', description: 'Fair' })],
    ...['--funnels', await file('f', { id: 9, name: 'Buy', steps: ['A'], days: { '2026-08-01': [4] } })],
  )
  if (stdout === null) throw new Error('no output')
  const [line] = await once(createInterface(stdout), 'line')
  const { url, ...counts } = JSON.parse(String(line))
  expect(counts).toEqual({ events: 1, profiles: 2 })
  const authorization = 'Basic simulator.mp-service-account:simulator'
  const get = async (path: string, query: Record<string, string> = {}) => {
    const search = new URLSearchParams({ project_id: '1000', ...query })
    const response = await fetch(`${url}${path}?${search}`, { headers: { authorization } })
    return { status: response.status, body: JSON.parse(await response.text()) }
  }
  expect(await get('/api/query/engage')).toMatchObject({ body: { total: 2 } })
  expect((await get('/api/query/engage', { data_group_id: '-12' })).status).toBe(403)
  expect(await get('/api/query/cohorts/list')).toMatchObject({ body: [{ id: 7, count: 1 }] })
  expect(await get('/api/app/projects/1000/annotations')).toMatchObject({ body: { results: [{ id: 3 }] } })
  const august = { from_date: '2026-08-01', to_date: '2026-08-01' }
  const funnel = await get('/api/query/funnels', { funnel_id: '9', ...august })
  expect(funnel.body.data['2026-08-01'].steps).toMatchObject([{ event: 'A', count: 4 }])
  expect((await get('/api/2.0/engage/revenue', august)).status).toBe(404)
})

test.each([
  ['--refuse', 'engage'],
  ['--refuse', 'nothing=402'],
  ['--refuse', 'engage=500'],
  ['--group-profiles', 'companies.ndjson'],
])('%s %s is rejected with the expected format', async (...flags) => {
  const { code, stderr } = await ended(simulate(...flags))
  expect(code).toBe(2)
  expect(stderr).toContain(`${flags.join(' ')}: write `)
})

test('the error names an invalid line', async () => {
  const path = await file('c', { id: 7, name: 'Pros' }, { id: 'eight' })
  const { code, stderr } = await ended(simulate('--cohorts', path))
  expect(code).toBe(2)
  expect(stderr).toContain(`${path}, line 2`)
})
