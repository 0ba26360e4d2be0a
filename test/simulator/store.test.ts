import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startSimulator } from '../../lib/simulator/index.ts'
import { isEventTime, projectClock } from '../../lib/simulator/stores/clock.ts'
import { EventStore } from '../../lib/simulator/stores/event-store.ts'
import { toLineBlocks, toLineBytes } from '../../lib/simulator/stores/line-blocks.ts'
import { dayOfNumber } from '../../lib/time/event-time.ts'
import { runs } from '../runs.ts'
import { DAY, DAY_MS, event, events, lines, requestExport } from './requests.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'store-test-'))
})

afterEach(() => rm(directory, { recursive: true }))

const UNLIMITED = { requestsPerHour: 0, requestsPerSecond: 0 }

const blanks = fc.stringMatching(/^[ \t]{0,2}$/)

/** Numbers whose text a double may not preserve. */
const digits = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9]\d{0,30})(\.\d{1,20})?([eE][+-]?\d{1,2})?$/),
  fc.integer().map(String),
)

const values = fc.oneof(
  digits,
  fc.json({ depthSize: 'small' }),
  fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  fc.constantFrom('"\\u0041\\/"', '"\u2028\u2029\u0085"', '"\\ud83d\\ude00"', '"\\udc00"', 'null', '{"time":1}', '[ ]'),
)

/** A line: the text before `time`, its number, and the text after it. */
const timedLine = fc
  .record({
    time: fc.oneof(
      fc.integer({ min: 0, max: 2_000_000_000 }).map((seconds) => ({ text: String(seconds), ms: seconds * 1000 })),
      fc.integer({ min: 0, max: 4_000_000_000_000 }).map((ms) => {
        return ms < 1e11 ? { text: `${ms}.5`, ms: ms * 1000 + 500 } : { text: String(ms), ms }
      }),
      fc
        .integer({ min: 1e12, max: 2e12 })
        .map((ms) => ({ text: `${Math.floor(ms / 1000)}.${String(ms).slice(-3)}`, ms })),
    ),
    before: fc.array(fc.tuple(fc.string(), values), { maxLength: 4 }),
    after: fc.array(fc.tuple(fc.string(), values), { maxLength: 4 }),
    name: fc.string({ unit: 'binary' }).map((name) => JSON.stringify(name)),
    gap: blanks,
    eventFirst: fc.boolean(),
    key: fc.constantFrom('"time"', '"\\u0074ime"'),
  })
  .map(({ time, before, after, name, gap, eventFirst, key }) => {
    const pairs = (properties: [string, string][], mark: string) =>
      properties.map(([property, value]) => `${gap}${JSON.stringify(`${property}${mark}`)}:${gap}${value}`)
    const head = [...pairs(before, '-'), `${gap}${key}${gap}:`].join(',')
    const tail = pairs(after, '+').map((pair) => `,${pair}`)
    const event = `"event":${gap}${name}`
    return {
      head: `{${eventFirst ? `${event},` : ''}${gap}"properties":{${head}${gap}`,
      tail: `${tail.join('')}${gap}}${eventFirst ? '' : `,${event}`}${gap}}`,
      time,
    }
  })

test('every line keeps its bytes, except its time, which is in milliseconds', async () => {
  await using simulator = await startSimulator({ ...UNLIMITED, today: '9000-01-01' })
  await fc.assert(
    fc.asyncProperty(fc.array(timedLine, { minLength: 1, maxLength: 20 }), async (generated) => {
      const before = simulator.eventCount()
      expect(await simulator.ingest(generated.map(({ head, time, tail }) => head + time.text + tail))).toBe(
        generated.length,
      )
      expect(simulator.eventCount()).toBe(before + generated.length)
      for (const { head, time, tail } of generated) {
        const exportDay = dayOfNumber(Math.floor(time.ms / 86_400_000))
        const { text } = await requestExport(simulator, exportDay, exportDay)
        expect(lines(text)).toContain(head + String(time.ms) + tail)
      }
    }),
    { numRuns: runs(60) },
  )
})

test('the lines do not depend on the chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ''))),
      fc.array(fc.nat(40), { maxLength: 20 }),
      fc.boolean(),
      async (texts, cuts, isEnded) => {
        const bytes = Buffer.from(texts.join('\n') + (isEnded && texts.length > 0 ? '\n' : ''))
        const chunks: Buffer[] = []
        let at = 0
        for (const cut of cuts) {
          chunks.push(bytes.subarray(at, at + cut))
          at += cut
        }
        chunks.push(bytes.subarray(at))
        const blocks: Buffer[] = []
        for await (const block of toLineBlocks(asStream(chunks))) {
          expect(block.at(-1)).toBe(0x0a)
          blocks.push(block)
        }
        const expected = bytes.length === 0 || bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.from('\n')])
        expect(Buffer.concat(blocks)).toEqual(expected)
      },
    ),
  )
})

async function* asStream(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks
}

test('a line without a valid time is stored unchanged and belongs to today', async () => {
  await using simulator = await startSimulator({ ...UNLIMITED, today: '2026-08-10' })
  const odd = ['{}', '{"time":null}', '{"time":"1785542400"}', '{"time":1e300}', '{"time":[1]}', '{"other":1}']
  const given = odd.map((properties) => `{"event":"e","properties":${properties}}`)
  expect(await simulator.ingest(given)).toBe(odd.length)
  for (const query of [{}, { time_in_ms: 'false' }]) {
    const { text } = await requestExport(simulator, '2026-08-10', '2026-08-10', query)
    expect(lines(text).sort()).toEqual([...given].sort())
  }
})

test('if a line has two times, the last one counts', async () => {
  await using simulator = await startSimulator(UNLIMITED)
  await simulator.ingest([`{"event":"e","properties":{"time":1,"time":${DAY_MS / 1000}}}`])
  expect((await requestExport(simulator, DAY, DAY)).text).toBe(
    `{"event":"e","properties":{"time":1,"time":${DAY_MS}}}\n`,
  )
})

test('an invalid line is rejected and counted, and does not affect other lines', async () => {
  await using simulator = await startSimulator(UNLIMITED)
  const invalid = [
    '{"event":"e"}',
    '[]',
    'terminated early',
    '{"event":"e","properties":{',
    '{"event":1,"properties":{}}',
  ]
  expect(await simulator.ingest([event(1), ...invalid, '', '   ', event(2)])).toBe(2)
  expect(simulator.rejectedCount()).toBe(invalid.length)
  expect(simulator.eventCount()).toBe(2)
})

test('bytes that are not UTF-8 only affect their own line', async () => {
  const file = join(directory, 'latin1.ndjson')
  const valid = JSON.stringify(event(1))
  const latin1 = Buffer.from('{"event":"caf\u00e9","properties":{"time":1785542400}}\n', 'latin1')
  await writeFile(file, Buffer.concat([Buffer.from(`${valid}\n`), latin1, Buffer.from(valid)]))
  await using simulator = await startSimulator({ ...UNLIMITED, data: [file] })
  expect({ stored: simulator.eventCount(), rejected: simulator.rejectedCount() }).toEqual({ stored: 2, rejected: 1 })
})

test('data files can be compressed and need no line end at the end', async () => {
  const text = events(300)
    .map((record) => JSON.stringify(record))
    .join('\n')
  const plain = join(directory, 'one.ndjson')
  const compressed = join(directory, 'two.ndjson.gz')
  await writeFile(plain, text)
  await writeFile(compressed, gzipSync(text))
  await using simulator = await startSimulator({ ...UNLIMITED, data: [plain, compressed] })
  expect(simulator.eventCount()).toBe(600)
  expect(lines((await requestExport(simulator, DAY, DAY)).text)).toHaveLength(600)
})

test('a missing or damaged data file fails the start, and no directory is left', async () => {
  const temporary = join(directory, 'tmp')
  await mkdir(temporary)
  vi.stubEnv('TMPDIR', temporary)
  const damaged = join(directory, 'damaged.ndjson.gz')
  await writeFile(damaged, gzipSync(JSON.stringify(event(1))).subarray(0, 40))
  await expect(startSimulator({ data: [join(directory, 'none.ndjson')] })).rejects.toThrow('ENOENT')
  await expect(startSimulator({ data: [join(directory, 'none.ndjson.gz')] })).rejects.toThrow('ENOENT')
  await expect(startSimulator({ data: [damaged] })).rejects.toThrow('unexpected end of file')
  expect(await readdir(temporary)).toEqual([])
  const simulator = await startSimulator()
  expect(await readdir(temporary)).toHaveLength(1)
  await simulator.close()
  expect(await readdir(temporary)).toEqual([])
  vi.unstubAllEnvs()
})

test('a data directory is kept and can be used again; a temporary one is deleted', async () => {
  const kept = join(directory, 'kept')
  const first = await startSimulator({ ...UNLIMITED, dataDirectory: kept })
  await first.ingest([event(1), event(2, 'Login'), { event: 'Old', properties: { time: 1_000_000_000 } }])
  await first.close()
  expect((await readdir(kept)).sort()).toEqual(['2001-09-09.ndjson', '2026-08-01.ndjson'])
  await using second = await startSimulator({ ...UNLIMITED, dataDirectory: kept })
  expect(second.eventCount()).toBe(3)
  await second.ingest([event(3)])
  expect(lines((await requestExport(second, DAY, DAY)).text)).toHaveLength(3)
})

test('a directory that was written with other options is rejected', async () => {
  const local = { ...UNLIMITED, dataDirectory: directory, timezone: 'America/Los_Angeles', legacyTime: true }
  const first = await startSimulator(local)
  await first.ingest([event(0)])
  await first.close()
  await expect(startSimulator({ ...UNLIMITED, dataDirectory: directory })).rejects.toThrow('another time zone')
  await writeFile(join(directory, '2026-07-31.ndjson'), 'no event\n')
  await expect(startSimulator(local)).rejects.toThrow('not written by the simulator')
})

test('ingestion accepts streams, and can run concurrently', async () => {
  await using simulator = await startSimulator(UNLIMITED)
  const part = (from: number) =>
    (async function* () {
      for (let n = from; n < from + 500; n++) {
        if (n % 100 === 0) await Promise.resolve()
        yield n % 2 === 0 ? event(n) : `${JSON.stringify(event(n))}\n`
      }
    })()
  const counts = await Promise.all([0, 500, 1000].map((from) => simulator.ingest(part(from))))
  expect(counts).toEqual([500, 500, 500])
  const { text } = await requestExport(simulator, DAY, DAY)
  const numbers = lines(text).map((line) => JSON.parse(line).properties.n)
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 1500 }, (_, n) => n))
})

test('more lines than fit into the buffers are written completely', async () => {
  const store = await EventStore.open(directory, projectClock({ timezone: 'UTC', legacyTime: false }))
  const filler = 'x'.repeat(2000)
  const days = 5
  const given = Array.from({ length: 12_000 }, (_, n) => {
    return { event: 'e', properties: { time: DAY_MS + (n % days) * 86_400_000, n, filler } }
  })
  expect(await store.add(toLineBlocks(toLineBytes(given)))).toEqual({ stored: 12_000, rejected: 0 })
  const files = (await readdir(directory)).sort()
  expect(files).toHaveLength(days)
  for (const [index, file] of files.entries()) {
    const path = join(directory, file)
    const numbers = lines(await readFile(path, 'utf8')).map((line) => JSON.parse(line).properties.n)
    expect(numbers).toEqual(Array.from({ length: 12_000 / days }, (_, n) => n * days + index))
    const blocks = store.blocks(0, 1e6).filter((block) => block.path === path)
    expect(blocks.length).toBeGreaterThan(2)
    expect(blocks[0]?.start).toBe(0)
    for (const [index, block] of blocks.entries())
      expect(block.end).toBe(blocks[index + 1]?.start ?? (await stat(path)).size)
  }
})

test('valid times are in the years 1 to 9999', () => {
  expect(isEventTime(Date.parse('0001-01-01T00:00:00Z'))).toBe(true)
  expect(isEventTime(Date.parse('9999-12-31T23:59:59.999Z'))).toBe(true)
  expect(isEventTime(Date.parse('+010000-01-01T00:00:00Z'))).toBe(false)
  expect(isEventTime(Number.NaN)).toBe(false)
})

test('time settings are validated', () => {
  expect(() => projectClock({ timezone: 'Mars/Olympus', legacyTime: false })).toThrow('not an IANA time zone')
  expect(() => projectClock({ timezone: 'UTC', legacyTime: false, today: '2026-13-01' })).toThrow('is not a day')
})
