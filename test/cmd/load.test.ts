import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { ended, eventsOf, type Ran, Workplace } from './run-mixload.ts'
import { durationMs, killAfter, killAt, logged, timedRun } from './stages.ts'

const DAY = '2026-03-01'
const NOON = Date.parse(`${DAY}T12:00:00Z`)
/** A command that needs none of Mixpanel's settings must run without them. */
const NO_MIXPANEL = {
  MIXPANEL_API_URL: undefined,
  MIXPANEL_PROJECT_ID: undefined,
  MIXPANEL_SERVICE_ACCOUNT: undefined,
  MIXPANEL_SERVICE_ACCOUNT_SECRET: undefined,
}

const linesOf = (events: readonly object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('')
const event = (id: string, more: Readonly<Record<string, unknown>> = {}) => ({
  event: 'E',
  properties: { time: NOON, distinct_id: 'p', $insert_id: id, ...more },
})

async function put(place: Workplace, name: string, content: string | Buffer): Promise<string> {
  await writeFile(join(place.directory, name), content)
  return name
}

const load = (place: Workplace, ...words: readonly string[]) => place.run(['load', ...words], NO_MIXPANEL)

async function loadFromInput(place: Workplace, input: Buffer, ...words: readonly string[]): Promise<Ran> {
  const child = place.start(['load', ...words], place.environment(NO_MIXPANEL), 'pipe')
  child.stdin?.end(input)
  return ended(child)
}

const countOf = async (place: Workplace) =>
  place.query('SELECT count(*) AS n, count(DISTINCT mp_insert_id) AS d FROM export')

describe('mixload load', () => {
  const text = linesOf(eventsOf(DAY, 60))
  const [half, rest] = [text.slice(0, 4000), text.slice(4000)]
  const frame = Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Buffer.from('skip')])

  it.each<readonly [form: string, content: string | Buffer]>([
    ['plain', text],
    ['gzip', gzipSync(text)],
    ['gzip of several members', Buffer.concat([gzipSync(half), gzipSync(''), gzipSync(rest)])],
    ['gzip with padding', Buffer.concat([gzipSync(text), Buffer.alloc(512)])],
    ['zstd', zstdCompressSync(text)],
    ['zstd of several frames', Buffer.concat([frame, zstdCompressSync(half), frame, zstdCompressSync(rest)])],
    ['with CRLF, a byte order mark and no last newline', `\ufeff${text.trimEnd().replaceAll('\n', '\r\n')}`],
    ['with blank lines', `\n${text}\n  \n`],
  ])('loads a file that is %s, whatever its name, without a request to Mixpanel', async (_, content) => {
    await using place = await Workplace.create()
    const ran = await load(place, await put(place, 'events.txt', content))
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('60 rows from 1 file') })
    expect(await countOf(place)).toEqual([{ n: 60n, d: 60n }])
    expect(
      await place.query(
        'SELECT CAST(first_day AS VARCHAR) AS f, CAST(last_day AS VARCHAR) AS l, row_count, request_count FROM _mixload_loads',
      ),
    ).toEqual([{ f: DAY, l: DAY, row_count: 60n, request_count: 0n }])
    expect(place.simulator.requests).toEqual([])
  })

  it.each([
    ['plain', Buffer.from(text)],
    ['gzip', gzipSync(text)],
  ])('reads standard input that is %s, and recognizes it the second time', async (_, input) => {
    await using place = await Workplace.create()
    expect(await loadFromInput(place, input, '-', '--stream', 'export')).toMatchObject({ code: 0 })
    expect(await countOf(place)).toEqual([{ n: 60n, d: 60n }])
    const again = await load(place, await put(place, 'same', input))
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('1 file already loaded: same') })
    const piped = await loadFromInput(place, input, '-')
    expect(piped).toMatchObject({ code: 0, stdout: expect.stringContaining('already loaded: standard input') })
    expect(await countOf(place)).toEqual([{ n: 60n, d: 60n }])
  })

  it('loads the same content once, under any name, in one run or in several; a file that has grown is a new one', async () => {
    await using place = await Workplace.create()
    await put(place, 'a.ndjson', text)
    await mkdir(join(place.directory, 'elsewhere'))
    await copyFile(join(place.directory, 'a.ndjson'), join(place.directory, 'elsewhere', 'b'))
    const ran = await load(place, 'a.ndjson', 'elsewhere/b', 'a.ndjson', '--json')
    expect(ran.code).toBe(0)
    expect(JSON.parse(ran.stdout)).toMatchObject({ files: 1, rows: 60, already_loaded: ['elsewhere/b', 'a.ndjson'] })
    expect(await load(place, 'elsewhere/b')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/0 rows from 0 files.*\n.*1 file already loaded: elsewhere\/b/),
    })
    await put(place, 'a.ndjson', text + linesOf([event('new')]))
    expect(await load(place, 'a.ndjson')).toMatchObject({ code: 0, stdout: expect.stringContaining('61 rows') })
    expect(await countOf(place)).toEqual([{ n: 121n, d: 61n }])
    expect(await place.query('SELECT count(*) AS n FROM export_latest')).toEqual([{ n: 61n }])
    const [row] = await place.query('SELECT selection FROM _mixload_loads ORDER BY loaded_at LIMIT 1')
    expect(JSON.parse(String(row?.selection))).toEqual({
      file: 'a.ndjson',
      bytes: text.length,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  it('does not make days whole: backfill still requests the days of a file, and sync has no day to start from', async () => {
    await using place = await Workplace.create()
    await place.simulator.ingest(eventsOf(DAY, 60))
    await load(place, await put(place, 'a', text))
    expect(await place.run(['sync'])).toMatchObject({ code: 2, stderr: expect.stringContaining('no whole day') })
    expect(JSON.parse((await place.run(['status', '--json'])).stdout)).toMatchObject({ last_whole_day: null })
    const ran = await place.run(['backfill', '--from', DAY, '--to', DAY])
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('0 rows in 1 slice') })
    // Its rows are those of the file.
    expect(await place.query('SELECT count(*) AS n FROM export')).toEqual([{ n: 60n }])
    // A file that came last does not make status forget what backfill has loaded.
    await load(place, await put(place, 'b', linesOf([event('b')])))
    expect(JSON.parse((await place.run(['status', '--json'])).stdout)).toMatchObject({ last_whole_day: DAY })
    expect((await place.run(['status'])).stdout).toContain('1 row of b\n')
  })

  it('makes the same table as backfill from the same events', async () => {
    await using place = await Workplace.create()
    const odd = [
      event('odd-1', { Plan: 'a', plan: 1, '': 2, list: [1, { a: null }], 'line\u2028end': 1e21 }),
      event('odd-2', { Plan: 7, plan: 'text', $city: 'Köln', nested: { 'a b': 1.5 }, $insert_id: null }),
    ]
    const raw = linesOf([...eventsOf(DAY, 40), ...odd, ...eventsOf('2026-03-02', 20)])
    place.simulator.fault({ kind: 'body', body: raw, match: { path: '/api/2.0/export' } })
    await place.run(['backfill', '--from', DAY, '--to', '2026-03-02', '--slice-days', '2'])
    expect(await load(place, await put(place, 'raw', raw), '--schema', 'files')).toMatchObject({ code: 0 })
    const rows = (schema: string) =>
      place.query(`SELECT * EXCLUDE (_loaded_at, _load_id, _mixload_row) FROM ${schema}.export ORDER BY event_id`)
    expect(await rows('mixpanel')).toHaveLength(62)
    expect(await rows('files')).toEqual(await rows('mixpanel'))
  })

  it('adds columns when files have new properties', async () => {
    await using place = await Workplace.create()
    const first = await put(place, 'one', linesOf([event('1', { size: 'L' })]))
    const second = await put(place, 'two', linesOf([event('2', { size: 40, colour: 'red' })]))
    expect(await load(place, first, second)).toMatchObject({ code: 0 })
    expect(await place.query('SELECT size, colour FROM export ORDER BY mp_insert_id')).toEqual([
      { size: 'L', colour: null },
      { size: '40', colour: 'red' },
    ])
    const third = await put(place, 'three', linesOf([event('3', { size: 41, weight: 2 })]))
    expect(await load(place, third, '--exclude-properties', 'weight')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 value of excluded properties left out'),
    })
  })
})

describe('the time of events in files', () => {
  const daysOf = (place: Workplace) =>
    place.query(
      'SELECT mp_insert_id AS id, epoch_ms(time) AS t, CAST(_day AS VARCHAR) AS d FROM export ORDER BY mp_insert_id',
    )

  it('is read as seconds or milliseconds by its size; each event is filed under its own day, an undated one under none', async () => {
    await using place = await Workplace.create()
    const name = await put(
      place,
      'a',
      linesOf([
        event('1', { time: NOON / 1000 }),
        event('2', { time: NOON }),
        event('3', { time: -86_400.5 }),
        event('4', { time: Date.parse('9999-12-31T23:59:59.999Z') }),
        event('5', { time: Date.parse('9999-12-31T23:59:59.999Z') + 1 }),
        event('6', { time: null }),
        event('7', { time: 'soon' }),
      ]),
    )
    const ran = await load(place, name)
    expect(ran).toMatchObject({ code: 0 })
    expect(ran.stdout).toContain('2 events without a usable time')
    expect(ran.stdout).toContain('1 event dated outside the years 1 to 9999')
    expect(await daysOf(place)).toEqual([
      { id: '1', t: BigInt(NOON), d: DAY },
      { id: '2', t: BigInt(NOON), d: DAY },
      { id: '3', t: -86_400_500n, d: '1969-12-30' },
      { id: '4', t: 253_402_300_799_999n, d: '9999-12-31' },
      { id: '5', t: 253_402_300_800_000n, d: null },
      { id: '6', t: null, d: null },
      { id: '7', t: null, d: null },
    ])
    expect(
      await place.query('SELECT CAST(first_day AS VARCHAR) AS f, CAST(last_day AS VARCHAR) AS l FROM _mixload_loads'),
    ).toEqual([{ f: '1969-12-30', l: '9999-12-31' }])
  })

  it('is missing in every one of them: then the load has no days', async () => {
    await using place = await Workplace.create()
    expect(await load(place, await put(place, 'a', linesOf([event('1', { time: null })])))).toMatchObject({ code: 0 })
    expect(await place.query('SELECT first_day, last_day, row_count FROM _mixload_loads')).toEqual([
      { first_day: null, last_day: null, row_count: 1n },
    ])
  })

  it('is local time with --legacy-time, which needs the time zone', async () => {
    await using place = await Workplace.create()
    const late = Date.parse('2019-07-01T00:30:00Z')
    const name = await put(place, 'a', linesOf([event('1', { time: late / 1000 })]))
    expect(await load(place, name, '--legacy-time')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('set --timezone'),
    })
    expect(await load(place, name, '--legacy-time', '--timezone', 'Europe/Berlin')).toMatchObject({ code: 0 })
    expect(await daysOf(place)).toEqual([{ id: '1', t: BigInt(late - 2 * 3_600_000), d: '2019-07-01' }])
    expect(await place.query('SELECT _time_raw FROM export')).toEqual([{ _time_raw: BigInt(late) }])
  })
})

describe('what cannot be loaded', () => {
  const good = linesOf([event('good')])
  const many = linesOf(eventsOf(DAY, 3000))

  it.each<readonly [name: string, content: string | Buffer | undefined, says: RegExp]>([
    ['a file that is not there', undefined, /bad skipped: The file does not exist\./],
    ['gzip that breaks off', gzipSync(many).subarray(0, 5000), /bad skipped: Its gzip data ends too early/],
    ['zstd that breaks off', zstdCompressSync(many).subarray(0, 5000), /bad skipped: Its zstd data ends too early/],
    [
      'zstd whose second frame breaks off',
      Buffer.concat([zstdCompressSync(good), zstdCompressSync(many).subarray(0, 5000)]),
      /bad skipped: Its zstd data ends too early/,
    ],
    ['gzip with something else behind it', Buffer.concat([gzipSync(good), Buffer.from(good)]), /gzip data is damaged/],
    ['a last line that is cut', `${good}{"event":"E","prop`, /not whole: its last line, after 1 events, is cut off/],
    ['an answer that Mixpanel ended early', `${good}terminated early\n`, /its line 2 says "terminated early"/],
    ['no JSON', 'hello\nworld\n', /None of the lines is an event/],
    ['JSON of something else', '{"a":1}\n{"b":2}\n', /Not a Mixpanel export: none of its 2 lines is a valid event/],
    [
      'events of Segment',
      '{"event":"Order","properties":{"a":1},"timestamp":"2024-01-09T07:10:17Z","userId":"ann","messageId":"m1"}\n',
      /none of its 1 events has a usable time or a distinct_id\. It looks like a file of Segment\. Type: jq -c/,
    ],
    ['profiles', '{"$distinct_id":"ann","$properties":{}}\n', /It has profiles/],
    ['a JSON list on one line', `[${good.trim()}]`, /It is a JSON array\. Write its elements one per line first/],
    ['a JSON list on several lines', `[\n${good.trim()}\n]\n`, /It is a JSON array/],
    ['UTF-16', Buffer.from(`\ufeff${good}`, 'utf16le'), /It is in UTF-16/],
    ['a zip archive', Buffer.from(`PK\x03\x04${good}`), /It is a zip archive/],
    ['gzip in gzip', gzipSync(gzipSync(good)), /It is compressed twice/],
    ['a tar archive', gzipSync(`a\0${'0'.repeat(255)}ustar${' '.repeat(250)}${good}`), /It is a tar archive/],
  ])('%s is skipped with the reason, and the other files are loaded', async (_, content, says) => {
    await using place = await Workplace.create()
    await put(place, 'first', linesOf([event('first')]))
    await put(place, 'last', linesOf([event('last')]))
    if (content !== undefined) await put(place, 'bad', content)
    const ran = await load(place, 'first', 'bad', 'last')
    expect(ran).toMatchObject({ code: 3, stdout: expect.stringMatching(says) })
    expect(ran.stdout).toContain('2 rows from 2 files')
    expect(await place.query('SELECT mp_insert_id AS id FROM export ORDER BY 1')).toEqual([
      { id: 'first' },
      { id: 'last' },
    ])
    expect(await place.query('SELECT count(*) AS n FROM _mixload_loads')).toEqual([{ n: 2n }])
    expect(await place.query('SELECT count(*) AS n FROM _mixload_rejects')).toEqual([{ n: 0n }])
  })

  it('is listed with its code in JSON, and loads once it is fixed', async () => {
    await using place = await Workplace.create()
    await put(place, 'cut', good.slice(0, -5))
    await mkdir(join(place.directory, 'raw'))
    const ran = await load(place, 'cut', 'raw', '--json')
    expect(ran.code).toBe(3)
    expect(JSON.parse(ran.stdout)).toMatchObject({
      files: 0,
      skipped_files: [
        { file: 'cut', code: 'BODY_TRUNCATED' },
        { file: 'raw', code: 'FILE_REFUSED', message: expect.stringContaining('raw/*') },
      ],
    })
    expect(await load(place, await put(place, 'cut', good))).toMatchObject({ code: 0 })
  })

  it('in lines goes to the rejects, and all other lines are loaded', async () => {
    await using place = await Workplace.create()
    const name = await put(place, 'a', `${good}{"event":1}\nnonsense\n${linesOf([event('2')])}`)
    expect(await load(place, name)).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('2 lines rejected; see _mixload_rejects'),
    })
    expect(await countOf(place)).toEqual([{ n: 2n, d: 2n }])
    expect(
      await place.query(
        'SELECT line, load_id = (SELECT load_id FROM _mixload_loads) AS ours FROM _mixload_rejects ORDER BY line',
      ),
    ).toEqual([
      { line: 'nonsense', ours: true },
      { line: '{"event":1}', ours: true },
    ])
  })

  it('does not include an empty file, which is loaded with no rows', async () => {
    await using place = await Workplace.create()
    expect(await load(place, await put(place, 'empty', ''))).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('0 rows from 1 file'),
    })
    expect(await load(place, 'empty')).toMatchObject({ code: 0, stdout: expect.stringContaining('already loaded') })
  })

  it('is wrong usage if no file, a wrong stream, or standard input twice is named', async () => {
    await using place = await Workplace.create()
    expect(await load(place)).toMatchObject({ code: 2, stderr: expect.stringContaining('Name one or more files') })
    expect(await load(place, 'a', '--stream', 'revenue')).toMatchObject({ code: 2 })
    expect(await load(place, 'a', '--write', 'replace')).toMatchObject({ code: 2 })
    expect(await load(place, '-', '-')).toMatchObject({ code: 2, stderr: expect.stringContaining('only once') })
  })
})

describe('a load of files that is stopped', () => {
  const DAYS = Array.from({ length: 8 }, (_, at) => `2026-03-0${at + 1}`)
  const PER_FILE = 4000
  const manyFiles = (place: Workplace) =>
    Promise.all(
      DAYS.map((day) => put(place, day, gzipSync(linesOf(eventsOf(day, PER_FILE, { note: 'x'.repeat(200) }))))),
    )

  it('by kill -9 at random moments and at each stage has loaded every event once when it is run again', async () => {
    await using place = await Workplace.create()
    const [first = '', ...names] = await manyFiles(place)
    // Standard input does not end, so that no run can end before it is killed.
    const endless = () => place.start(['load', first, ...names, '-'], place.environment(NO_MIXPANEL), 'pipe')
    // How long it takes on this machine, as a run with one file shows.
    const calm = await timedRun(place.start(['load', first], place.environment(NO_MIXPANEL)))
    expect(calm.code, calm.stderr).toBe(0)
    const startMs = durationMs(calm.moments, { ends: 'slice-started' })
    const fileMs = durationMs(calm.moments, { begins: 'slice-started', ends: 'slice-loaded' })
    for (let round = 0; round < 6; round++) {
      expect(await killAfter(endless(), Math.random() * (startMs + 2 * fileMs))).toBe(true)
    }
    for (const kind of ['slice-started', 'slice-loading', 'slice-loaded']) {
      const day = `2026-03-${10 + names.length}`
      names.push(await put(place, day, linesOf(eventsOf(day, PER_FILE))))
      expect(await killAt(endless(), kind, kind === 'slice-started' ? names.length : 1, 0)).toBe(true)
    }
    expect(await load(place, first, ...names)).toMatchObject({ code: 0 })
    const all = BigInt((1 + names.length) * PER_FILE)
    expect(await countOf(place)).toEqual([{ n: all, d: all }])
    expect(await place.query('SELECT count(*) AS n FROM _mixload_loads')).toEqual([{ n: BigInt(1 + names.length) }])
  })

  it('by ^C while it waits for standard input ends with 130 and keeps the files before', async () => {
    await using place = await Workplace.create()
    const child = place.start(['load', await put(place, 'a', linesOf([event('a')])), '-'], place.environment(), 'pipe')
    child.stdin?.write(linesOf([event('b')]))
    const end = ended(child)
    await logged(child, 'slice-loaded')
    child.kill('SIGINT')
    expect(await end).toMatchObject({ code: 130 })
    expect(await place.query('SELECT mp_insert_id AS id FROM export')).toEqual([{ id: 'a' }])
  })
})
