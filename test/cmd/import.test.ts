import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startSimulator } from '../../lib/simulator/index.ts'
import { lines, requestExport } from '../simulator/requests.ts'
import { ended, Workplace } from './run-mixload.ts'
import { WAREHOUSES } from './warehouses.ts'

const TOKEN = 'a-project-token'
const DAY = '2026-08-03'
const NOON = Date.parse(`${DAY}T12:00:00Z`)
let place: Workplace

beforeEach(async () => {
  place = await Workplace.create({ token: TOKEN })
})
afterEach(() => place[Symbol.asyncDispose]())

const token = { MIXPANEL_TOKEN: TOKEN }
const DAY_BEFORE = '2026-08-02'
const stored = async (simulator = place.simulator) =>
  lines((await requestExport(simulator, DAY_BEFORE, DAY)).text).map((line) => JSON.parse(line))
const event = (n: number, more: object = {}) => ({
  event: 'Order',
  properties: { time: NOON + n, distinct_id: `p${n % 7}`, $insert_id: `id-${n}`, n, ...more },
})
const ndjson = (events: readonly object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('')

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(place.directory, name)
  await writeFile(path, content)
  return path
}

describe('mixload import', () => {
  it('sends the events of files, compressed or not, and of standard input', async () => {
    const first = await file('one.ndjson', ndjson([event(1), event(2)]))
    const second = await file('two.json.gz', gzipSync(`\n${ndjson([event(3)])}\r\n`))
    const ran = await place.run(['import', first, second, '--json'], token)
    expect(ran.code).toBe(0)
    expect(JSON.parse(ran.stdout)).toMatchObject({ accepted: 3, rejected: 0, skipped: 0, rejects: null })
    const child = place.start(['import', '-'], place.environment(token), 'pipe')
    child.stdin?.end(ndjson([event(4, { text: 'a\u2028b' })]))
    expect((await ended(child)).stdout).toMatch(/^1 accepted/)
    expect((await stored()).map(({ properties }) => properties.n).sort()).toEqual([1, 2, 3, 4])
  })

  it('reads CSV: names come from the header, and types from how the values look', async () => {
    const csv = [
      '\ufeffevent,time,distinct_id,$insert_id,amount,zip,tags,"a, b",gift',
      `Order,${NOON},17,id-1,9.5,01234,"[""x"",1]","say ""hi""\nthere",true`,
      `Order,2026-08-03T12:00:00Z,18,,,,,,`,
      `Order,${NOON / 1000},19,id-3,12345678901234567890,,,,`,
    ]
    const ran = await place.run(['import', await file('orders.csv', csv.join('\r\n'))], token)
    expect(ran).toMatchObject({ code: 0 })
    const found = (await stored()).sort((a, b) => a.properties.distinct_id - b.properties.distinct_id)
    expect(found[0].properties).toMatchObject({
      time: NOON,
      distinct_id: '17',
      amount: 9.5,
      zip: '01234',
      tags: ['x', 1],
      'a, b': 'say "hi"\nthere',
      gift: true,
    })
    expect(Object.keys(found[1].properties)).not.toContain('amount')
    expect(found.map(({ properties }) => properties.time)).toEqual([NOON, NOON, NOON])
    expect((await requestExport(place.simulator, DAY, DAY)).text).toContain('"amount":12345678901234567890')
  })

  it('reports events whose time Mixpanel may replace, with the first line and the number of each kind', async () => {
    const times = [1_950_000_000, 10, 20, NOON * 1000, NOON]
    const path = await file('odd.ndjson', ndjson(times.map((time, at) => event(at, { time }))))
    const ran = await place.run(['import', path], token)
    expect(ran.stderr).toMatch(/odd\.ndjson: the time of line 1 is more than an hour ahead\. Mixpanel may reject/)
    expect(ran.stderr).toMatch(/the time of line 2 is in 1970 or before/)
    expect(ran.stderr).not.toContain('line 3')
    expect(ran.stderr).toMatch(/the time of line 4 is too large for milliseconds/)
    expect(ran.stdout).toContain('Times that are in 1970 or before: 2. ')
    const counts = JSON.parse((await place.run(['import', path, '--no-resume', '--json'], token)).stdout)
    expect(counts.doubtful_times).toEqual({ future: 1, early: 2, microseconds: 1 })
  })

  it('writes what is refused to a file, with number and reason, and ends with 3', async () => {
    const events = [event(1), event(2, { distinct_id: 'null' }), event(3), event(4, { time: undefined }), event(5)]
    // Lines are those of the file, empty ones included.
    const path = await file('some.ndjson', `\ufeff\n${ndjson(events)}\r\n \nnot json`)
    const rejects = join(place.directory, 'refused.ndjson')
    const ran = await place.run(['import', path, '--rejects', rejects], token)
    expect(ran.code).toBe(3)
    expect(ran.stdout).toContain('3 accepted, 3 rejected')
    const found = lines(readFileSync(rejects, 'utf8')).map((line) => JSON.parse(line))
    expect(found.sort((a, b) => a.number - b.number)).toEqual([
      {
        source: path,
        number: 2,
        line: 3,
        reason: expect.stringContaining('placeholder'),
        field: 'properties.distinct_id',
        event: events[1],
      },
      {
        source: path,
        number: 4,
        line: 5,
        reason: expect.stringContaining('time'),
        event: JSON.parse(JSON.stringify(events[3])),
      },
      { source: path, number: 6, line: 9, reason: expect.stringContaining('JSON'), event: 'not json' },
    ])
  })

  it.each([
    ['SIGTERM', 130],
    ['SIGKILL', null],
  ] as const)(
    'continues after what was sent when %s ended it, and forgets its position when it is done',
    async (end, code) => {
      const path = await file('many.ndjson', ndjson(Array.from({ length: 40_000 }, (_, n) => event(n))))
      // Of the eight concurrent requests, only the first to arrive is answered.
      place.simulator.fault({ kind: 'slow-first-byte', ms: 60_000, skip: 9, times: 1000, match: { path: '/import' } })
      const child = place.start(['import', path], place.environment(token))
      await expect.poll(() => place.simulator.requests.length).toBeGreaterThan(9)
      // Its progress is written to disk a while after the answer.
      const states = join(place.directory, 'state', 'import')
      await expect
        .poll(() => existsSync(states) && readdirSync(states).some((name) => name.endsWith('.json')))
        .toBe(true)
      child.kill(end)
      expect((await ended(child)).code).toBe(code)
      place.simulator.clearFaults()
      const again = await place.run(['import', path], token)
      expect(again).toMatchObject({ code: 0 })
      const [, before] = /(\d+) events were imported before/.exec(again.stderr) ?? []
      expect(Number(before)).toBeGreaterThan(0)
      expect(again.stdout).toContain(`${40_000 - Number(before)} accepted`)
      const ids = new Set((await stored()).map(({ properties }) => properties.$insert_id))
      expect(ids.size).toBe(40_000)
      const third = await place.run(['import', path, '--json'], token)
      expect(JSON.parse(third.stdout)).toMatchObject({ accepted: 40_000, skipped: 0 })
    },
  )

  it('ends when it fails in the middle of a compressed file or of a pipe that stays open', async () => {
    const compressed = await file(
      'many.ndjson.gz',
      gzipSync(ndjson(Array.from({ length: 60_000 }, (_, n) => event(n)))),
    )
    const refusal = { kind: 'status', status: 401, body: 'Invalid credentials', times: 1000 } as const
    place.simulator.fault({ ...refusal, match: { path: '/import' } })
    const ran = await place.run(['import', compressed], token)
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toContain('CREDENTIALS_REFUSED')
    const child = place.start(['import', '-'], place.environment(token), 'pipe')
    child.stdin?.on('error', () => {})
    child.stdin?.write(ndjson(Array.from({ length: 5000 }, (_, n) => event(n))))
    expect((await ended(child)).code).toBe(2)
  })

  it('uses a service account if there is no token, and prefers the token', async () => {
    const path = await file('one.ndjson', ndjson([event(1)]))
    expect((await place.run(['import', path, '--yes'])).code).toBe(0)
    const simulator = await startSimulator({ token: TOKEN, projectId: '999' })
    const environment = { ...token, MIXPANEL_API_URL: simulator.url }
    const ran = await place.run(['import', path], environment)
    expect({ code: ran.code, count: simulator.eventCount() }).toEqual({ code: 0, count: 1 })
    await simulator.close()
  })

  it('says what to do with a file in another format', async () => {
    const ran = await place.run(['import', await file('list.json', `[${ndjson([event(1)])}]`)], token)
    expect(ran).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/list\.json: It is a JSON array.*mixload import -/),
    })
    const csv = await place.run(['import', await file('some.csv', 'event;when\na;1\n')], token)
    expect(csv).toMatchObject({ code: 1, stderr: expect.stringMatching(/some\.csv: The header.*no column time/) })
    expect(place.simulator.eventCount()).toBe(0)
  })

  it.each([
    [['import'], 'Name files'],
    [['import', 'x', '--query', 'SELECT 1'], 'Name files'],
    [['import', 'nowhere.ndjson'], 'nowhere.ndjson: The file does not exist'],
    [['import', '--query', 'SELECT nothing FROM export'], 'query'],
  ])('%j says what is wrong', async (args, message) => {
    await place.run(['sync', '--from', DAY])
    const ran = await place.run(args, token)
    expect([1, 2]).toContain(ran.code)
    expect(ran.stderr).toContain(message)
  })
})

/** What comes before a table's name in a query: a directory of Parquet files has no schemas. */
function schemaOf(warehouse: string, url: string): string {
  if (warehouse === 'parquet') return ''
  return warehouse === 'bigquery' ? `${new URL(url).pathname.slice(1)}.` : 'mixpanel.'
}

describe('mixload import --query', () => {
  it.each(Object.entries(WAREHOUSES))(
    'from %s copies events into another project, and adds nothing the second time',
    async (name, create) => {
      await using warehouse = await create(place.directory)
      const to = { MIXLOAD_DESTINATION: warehouse.url }
      const events = [
        // The first values decide the types of columns.
        event(1, {
          time: NOON - 86_400_000,
          plan: 'pro',
          $city: 'Lyon',
          amount: 1.5,
          list: [1, { a: null }],
          gift: true,
          note: 'x "y"\n\u2028🦆',
        }),
        event(2, { plan: 7, amount: 'much', gift: 'yes', big: 1, when: '2026-08-01T10:00:00' }),
        event(3, { Plan: 'other', 'plan ': 'third', amount: 0.1 }),
        event(4, { amount: [1], list: 'text', gift: { a: 1 } }),
      ]
      await place.simulator.ingest(events)
      await place.simulator.ingest(events.slice(0, 2))
      const long = JSON.stringify(event(5, { amount: 'LONG' })).replace('"LONG"', '12345678901234567890')
      await place.simulator.ingest([long])
      const backfill = ['backfill', '--from', DAY_BEFORE, '--to', DAY, '--streams', 'export']
      expect((await place.run(backfill, to)).code).toBe(0)
      await using target = await startSimulator({ token: 'other-token' })
      const environment = { ...to, MIXPANEL_TOKEN: 'other-token', MIXPANEL_API_URL: target.url }
      const view = `${schemaOf(name, warehouse.url)}export_latest`
      const args = ['import', '--query', `SELECT * FROM ${view}`, '--json']
      const ran = await place.run(args, environment)
      expect(JSON.parse(ran.stdout)).toMatchObject({ accepted: 5, rejected: 0 })
      expect((await requestExport(target, DAY, DAY)).text).toContain('"amount":12345678901234567890')
      const found = (await stored(target)).sort((a, b) => a.properties.n - b.properties.n)
      for (const [at, { event, properties }] of events.entries()) {
        // In a text column, a number is text.
        const wanted = { ...properties, ...('plan' in properties && properties.plan === 7 ? { plan: '7' } : {}) }
        expect(found[at]).toMatchObject({ event, properties: wanted })
      }
      await place.run(args, environment)
      const distinct = new Set(
        (await stored(target)).map(({ event: name, properties: { distinct_id, time, $insert_id } }) =>
          JSON.stringify([name, distinct_id, time, $insert_id]),
        ),
      )
      expect(distinct.size).toBe(5)
      expect(existsSync(join(place.directory, 'mixload-rejects.ndjson'))).toBe(false)
    },
  )

  it('sends the person that an event came with, also after a merge', async () => {
    await place.simulator.ingest([event(1, { distinct_id: 'ann', $distinct_id_before_identity: 'before' })])
    await place.run(['backfill', '--from', DAY, '--to', DAY, '--streams', 'export'])
    await using target = await startSimulator({ token: 'other-token' })
    const environment = { MIXPANEL_TOKEN: 'other-token', MIXPANEL_API_URL: target.url }
    await place.run(['import', '--query', "SELECT *, 'copy' AS origin FROM mixpanel.export_latest"], environment)
    const [found] = await stored(target)
    expect(found.properties).toMatchObject({ distinct_id: 'before', origin: 'copy', n: 1 })
    expect(found.properties).not.toHaveProperty('$distinct_id_before_identity')
    expect(found.properties).not.toHaveProperty('event_id')
  })
})
