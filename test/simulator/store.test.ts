import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startSimulator } from '../../lib/simulator/index.ts'
import { dayText, isMoment, projectClock } from '../../lib/simulator/stores/clock.ts'
import { EventStore } from '../../lib/simulator/stores/store.ts'
import { lineBytes, wholeLines } from '../../lib/simulator/stores/whole-lines.ts'
import { runs } from '../runs.ts'
import { DAY, DAY_MS, event, events, exported, lines } from './asking.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'store-test-'))
})

afterEach(() => rm(directory, { recursive: true }))

const UNLIMITED = { requestsPerHour: 0, requestsPerSecond: 0 }

const blanks = fc.stringMatching(/^[ \t]{0,2}$/)

/** A number as a text that a double may not give back. */
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

/** A line, as the text before `time`, the number that stands for `time`, and the text after it. */
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
    const pairs = (some: [string, string][], mark: string) =>
      some.map(([property, value]) => `${gap}${JSON.stringify(`${property}${mark}`)}:${gap}${value}`)
    const head = [...pairs(before, '-'), `${gap}${key}${gap}:`].join(',')
    const tail = pairs(after, '+').map((pair) => `,${pair}`)
    const event = `"event":${gap}${name}`
    return {
      head: `{${eventFirst ? `${event},` : ''}${gap}"properties":{${head}${gap}`,
      tail: `${tail.join('')}${gap}}${eventFirst ? '' : `,${event}`}${gap}}`,
      time,
    }
  })

test('every line comes back byte for byte but for its time, which is in milliseconds', async () => {
  await using simulator = await startSimulator({ ...UNLIMITED, today: '9000-01-01' })
  await fc.assert(
    fc.asyncProperty(fc.array(timedLine, { minLength: 1, maxLength: 20 }), async (generated) => {
      const before = simulator.eventCount()
      expect(await simulator.ingest(generated.map(({ head, time, tail }) => head + time.text + tail))).toBe(
        generated.length,
      )
      expect(simulator.eventCount()).toBe(before + generated.length)
      for (const { head, time, tail } of generated) {
        const exportDay = dayText(Math.floor(time.ms / 86_400_000))
        const { text } = await exported(simulator, exportDay, exportDay)
        expect(lines(text)).toContain(head + String(time.ms) + tail)
      }
    }),
    { numRuns: runs(60) },
  )
})

test('blocks of any cut give the same lines', async () => {
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
        for await (const block of wholeLines(arriving(chunks))) {
          expect(block.at(-1)).toBe(0x0a)
          blocks.push(block)
        }
        const expected = bytes.length === 0 || bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.from('\n')])
        expect(Buffer.concat(blocks)).toEqual(expected)
      },
    ),
  )
})

async function* arriving(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks
}

test('a line without a usable time is kept as it is and belongs to today', async () => {
  await using simulator = await startSimulator({ ...UNLIMITED, today: '2026-08-10' })
  const odd = ['{}', '{"time":null}', '{"time":"1785542400"}', '{"time":1e300}', '{"time":[1]}', '{"other":1}']
  const given = odd.map((properties) => `{"event":"e","properties":${properties}}`)
  expect(await simulator.ingest(given)).toBe(odd.length)
  for (const query of [{}, { time_in_ms: 'false' }]) {
    const { text } = await exported(simulator, '2026-08-10', '2026-08-10', query)
    expect(lines(text).sort()).toEqual([...given].sort())
  }
})

test('of two times in one line the last counts', async () => {
  await using simulator = await startSimulator(UNLIMITED)
  await simulator.ingest([`{"event":"e","properties":{"time":1,"time":${DAY_MS / 1000}}}`])
  expect((await exported(simulator, DAY, DAY)).text).toBe(`{"event":"e","properties":{"time":1,"time":${DAY_MS}}}\n`)
})

test('what is no event is refused and counted, and spoils no other line', async () => {
  await using simulator = await startSimulator(UNLIMITED)
  const bad = ['{"event":"e"}', '[]', 'terminated early', '{"event":"e","properties":{', '{"event":1,"properties":{}}']
  expect(await simulator.ingest([event(1), ...bad, '', '   ', event(2)])).toBe(2)
  expect(simulator.refusedCount()).toBe(bad.length)
  expect(simulator.eventCount()).toBe(2)
})

test('bytes that are no UTF-8 cost only their own line', async () => {
  const file = join(directory, 'latin1.ndjson')
  const good = JSON.stringify(event(1))
  const latin1 = Buffer.from('{"event":"caf\u00e9","properties":{"time":1785542400}}\n', 'latin1')
  await writeFile(file, Buffer.concat([Buffer.from(`${good}\n`), latin1, Buffer.from(good)]))
  await using simulator = await startSimulator({ ...UNLIMITED, data: [file] })
  expect({ stored: simulator.eventCount(), refused: simulator.refusedCount() }).toEqual({ stored: 2, refused: 1 })
})

test('data files may be packed; a line end at the very end is not needed', async () => {
  const text = events(300)
    .map((one) => JSON.stringify(one))
    .join('\n')
  const plain = join(directory, 'one.ndjson')
  const packed = join(directory, 'two.ndjson.gz')
  await writeFile(plain, text)
  await writeFile(packed, gzipSync(text))
  await using simulator = await startSimulator({ ...UNLIMITED, data: [plain, packed] })
  expect(simulator.eventCount()).toBe(600)
  expect(lines((await exported(simulator, DAY, DAY)).text)).toHaveLength(600)
})

test('a data file that is missing or broken fails the start and leaves no directory behind', async () => {
  const temporary = join(directory, 'tmp')
  await mkdir(temporary)
  vi.stubEnv('TMPDIR', temporary)
  const broken = join(directory, 'broken.ndjson.gz')
  await writeFile(broken, gzipSync(JSON.stringify(event(1))).subarray(0, 40))
  await expect(startSimulator({ data: [join(directory, 'none.ndjson')] })).rejects.toThrow('ENOENT')
  await expect(startSimulator({ data: [join(directory, 'none.ndjson.gz')] })).rejects.toThrow('ENOENT')
  await expect(startSimulator({ data: [broken] })).rejects.toThrow('unexpected end of file')
  expect(await readdir(temporary)).toEqual([])
  const simulator = await startSimulator()
  expect(await readdir(temporary)).toHaveLength(1)
  await simulator.close()
  expect(await readdir(temporary)).toEqual([])
  vi.unstubAllEnvs()
})

test('a directory of its own is kept and taken up again; a temporary one goes', async () => {
  const kept = join(directory, 'kept')
  const first = await startSimulator({ ...UNLIMITED, dataDirectory: kept })
  await first.ingest([event(1), event(2, 'Login'), { event: 'Old', properties: { time: 1_000_000_000 } }])
  await first.close()
  expect((await readdir(kept)).sort()).toEqual(['2001-09-09.ndjson', '2026-08-01.ndjson'])
  await using second = await startSimulator({ ...UNLIMITED, dataDirectory: kept })
  expect(second.eventCount()).toBe(3)
  await second.ingest([event(3)])
  expect(lines((await exported(second, DAY, DAY)).text)).toHaveLength(3)
})

test('a directory that was written under other rules is not taken up', async () => {
  const local = { ...UNLIMITED, dataDirectory: directory, timezone: 'America/Los_Angeles', legacyTime: true }
  const first = await startSimulator(local)
  await first.ingest([event(0)])
  await first.close()
  await expect(startSimulator({ ...UNLIMITED, dataDirectory: directory })).rejects.toThrow('another time zone')
  await writeFile(join(directory, '2026-07-31.ndjson'), 'no event\n')
  await expect(startSimulator(local)).rejects.toThrow('not written by the simulator')
})

test('ingestion takes lines that arrive over time, and several ingestions at once', async () => {
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
  const { text } = await exported(simulator, DAY, DAY)
  const numbers = lines(text).map((line) => JSON.parse(line).properties.n)
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 1500 }, (_, n) => n))
})

test('more lines than wait in memory reach the files of their days whole', async () => {
  const store = await EventStore.open(directory, projectClock({ timezone: 'UTC', legacyTime: false }))
  const filler = 'x'.repeat(2000)
  const days = 5
  const given = Array.from({ length: 12_000 }, (_, n) => {
    return { event: 'e', properties: { time: DAY_MS + (n % days) * 86_400_000, n, filler } }
  })
  expect(await store.add(wholeLines(lineBytes(given)))).toEqual({ stored: 12_000, refused: 0 })
  const files = (await readdir(directory)).sort()
  expect(files).toHaveLength(days)
  for (const [index, file] of files.entries()) {
    const path = join(directory, file)
    const numbers = lines(await readFile(path, 'utf8')).map((line) => JSON.parse(line).properties.n)
    expect(numbers).toEqual(Array.from({ length: 12_000 / days }, (_, n) => n * days + index))
    const blocks = store.blocks(0, 1e6).filter((block) => block.path === path)
    expect(blocks.length).toBeGreaterThan(2)
    expect(blocks[0]?.start).toBe(0)
    for (const [at, block] of blocks.entries()) expect(block.end).toBe(blocks[at + 1]?.start ?? (await stat(path)).size)
  }
})

test('only moments of years 1 to 9999 are moments', () => {
  expect(isMoment(Date.parse('0001-01-01T00:00:00Z'))).toBe(true)
  expect(isMoment(Date.parse('9999-12-31T23:59:59.999Z'))).toBe(true)
  expect(isMoment(Date.parse('+010000-01-01T00:00:00Z'))).toBe(false)
  expect(isMoment(Number.NaN)).toBe(false)
})

test('settings of time are checked', () => {
  expect(() => projectClock({ timezone: 'Mars/Olympus', legacyTime: false })).toThrow('not an IANA time zone')
  expect(() => projectClock({ timezone: 'UTC', legacyTime: false, today: '2026-13-01' })).toThrow('is not a day')
})
