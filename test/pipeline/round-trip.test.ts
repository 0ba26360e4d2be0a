import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DuckDbDriver } from '../../destinations/duckdb/driver.ts'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { ColumnRegistry, type ColumnRules } from '../../lib/columns/registry.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'
import { PLAIN_RULES } from '../columns/plain-rules.ts'
import { runs } from '../runs.ts'
import { eventInput, eventLoader } from './event-table.ts'
import { isSame, PropertyReader } from './read-back.ts'
import { BodySpooler, FileSpooler } from './spool-lines.ts'

const DAY = '2026-08-03'
const NOON = Date.parse(`${DAY}T12:00:00Z`)

/** A property as a key literal and a value literal: what is sent, to the byte. */
type Sent = readonly [key: string, value: string]

const PLAIN_NAMES = ['plan', 'Plan', 'PLAN', '$plan', 'mp_plan', 'plan ', 'plan_2', 'a b', 'a-b', 'amount', 'items']
const OWN_NAMES = [
  'event',
  'properties',
  'event_id',
  '_day',
  '_more',
  '_loaded_at',
  '_load_id',
  '_line',
  '~0',
  '~3!',
  '~5=',
]
const ODD_NAMES = ['', '_', '__', '1st', 'é', 'É', 'ß', 'ẞ', 'K', 'k', '日本', '😀', '__proto__', 'constructor', "it's"]
const HOSTILE_NAMES = [
  '"; drop table export; --',
  'a"b',
  'a\\b',
  'a\nb',
  'a\0b',
  'x'.repeat(70),
  `${'x'.repeat(70)}y`,
  'plan__text',
]
const name = fc.oneof(
  fc.constantFrom(...PLAIN_NAMES),
  fc.constantFrom(...OWN_NAMES),
  fc.constantFrom(...ODD_NAMES),
  fc.constantFrom(...HOSTILE_NAMES, '\ud800x', '\udc00'),
  fc.string({ unit: 'binary', maxLength: 8 }),
)
const keyLiteral = name
  .filter(
    (text) =>
      !['time', 'distinct_id', '$insert_id', 'mp_processing_time_ms', '$distinct_id_before_identity'].includes(text),
  )
  .map((text) => JSON.stringify(text))

const number = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '0',
    '-0',
    '1.10',
    '1e5',
    '1E400',
    '-1e-400',
    '9007199254740992',
    '9007199254740993',
    '9223372036854775807',
  ),
  fc.constantFrom(
    '-9223372036854775808',
    '9223372036854775808',
    '123456789012345678901234567890',
    '0.12345678901234567890',
    '1e22',
  ),
)
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 10 }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '""',
    '"\\\\N"',
    '"\u2028\u0085"',
    '"\\u0000"',
    '"\\ud83d\\ude00"',
    '"\\ud800"',
    '"a\\udc00b"',
    '"2026-08-01"',
    '"true"',
    '"12"',
  ),
)
const scalar = fc.oneof(number, text, fc.constantFrom('true', 'false', 'null'))
/** Few names, each with mostly one kind of value, so that types are inferred. */
const MOMENTS = ['"2026-08-01T10:00:00Z"', '"2026-08-01T10:00:00.123+02:00"', '"0001-01-01T00:00:00Z"']
const DATES = ['"2026-08-01"', '"0001-01-01"', '"9999-12-31"', '"2024-02-29"']
const NEARLY = [
  '"2026-02-30"',
  '"0000-01-01"',
  '"2026-08-01T10:00:00"',
  '"2026-08-01T24:00:00Z"',
  '"9999-12-31T23:30:00-01:00"',
]
const typed = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constant('"Whole"'),
      fc.oneof(
        fc.integer().map(String),
        fc.constantFrom('9007199254740993', '-9223372036854775808', '9007199254740992'),
      ),
    ),
  },
  { weight: 4, arbitrary: fc.tuple(fc.constant('"Moment"'), fc.constantFrom(...MOMENTS)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('"Date"'), fc.constantFrom(...DATES)) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('"Whole"', '"Moment"', '"Date"', '"DATE"'),
      fc.oneof(fc.constantFrom(...NEARLY, ...MOMENTS, ...DATES, '1.5', 'null', '"12"', '9223372036854775808'), scalar),
    ),
  },
)
const { value: literal } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 4, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`) },
    {
      weight: 1,
      arbitrary: fc
        .array(fc.tuple(text, tie('value')), { maxLength: 3 })
        .map((entries) => `{${entries.map(([key, item]) => `${key} :${item}`).join()}}`),
    },
  ),
}))
const sentEvent = fc.record({
  event: fc.constantFrom('"Signed Up"', '"Order"', '"\\ud83d"', '""', '"日本"'),
  hasInsertId: fc.boolean(),
  properties: fc
    .tuple(fc.array(fc.tuple(keyLiteral, literal), { maxLength: 6 }), fc.array(typed, { maxLength: 3 }))
    .map((both) => both.flat()),
})

interface SentLine {
  readonly id: string
  readonly line: string
  readonly event: string
  readonly properties: readonly Sent[]
}

function toLine(
  { event, hasInsertId, properties }: typeof sentEvent extends fc.Arbitrary<infer T> ? T : never,
  at: number,
): SentLine {
  const id = `person-${at}`
  const own: Sent[] = [
    ['"time"', String(NOON + at)],
    ['"distinct_id"', JSON.stringify(id)],
    ...(hasInsertId ? [['"$insert_id"', `"i-${at}"`] as const] : []),
  ]
  const all = [...own, ...properties].map(([key, value]) => `${key}:${value}`)
  return { id, event, properties, line: `{"event":${event},"properties":{${all.join(',')}}}` }
}

let directory: string
let spool: SpoolDirectory
let engine: Engine
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  spool = await SpoolDirectory.create(directory)
  engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(directory, 'engine') })
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

/**
 * Loads bodies, each as a slice of its own, into an empty database in memory, and returns what is
 * then there.
 */
async function loadAll(
  bodies: readonly Buffer[],
  rules: ColumnRules,
  blockBytes: number,
  Spooler: typeof BodySpooler | typeof FileSpooler,
) {
  await using destination = new Warehouse(new DuckDbDriver({ path: ':memory:', schema: 'mixpanel', engine }), {
    engine,
  })
  const { signal } = new AbortController()
  await destination.open(signal)
  const registry = new ColumnRegistry(EXPORT_COLUMNS, rules)
  const input = eventInput(registry, spool, engine)
  const spooler = new Spooler(spool, input)
  const loader = eventLoader(input, destination, [])
  const columnsOverTime: string[] = []
  for (const body of bodies) {
    const spooled = await spooler.spool({ firstDay: DAY, lastDay: DAY }, body, blockBytes)
    if (spooled !== undefined) await loader.load(spooled.tables[0], spooled.slice, signal)
    columnsOverTime.push(JSON.stringify((await destination.columns('export')).map(({ name, type }) => [name, type])))
  }
  const connection = await engine.connect()
  const rows = await connection.all('SELECT * FROM warehouse.mixpanel.export')
  const rejects = await connection.all('SELECT * FROM warehouse.mixpanel._mixload_rejects')
  connection.close()
  return {
    rows,
    rejects,
    columns: await destination.columns('export'),
    columnsOverTime,
    ledger: await destination.ledger('export'),
  }
}

describe('what goes in can be read back', () => {
  it.each([
    ['answers', BodySpooler],
    ['files', FileSpooler],
  ])('of %s: each value equals what was sent, whatever the names, kinds, order and slicing', async (_, Spooler) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(sentEvent, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(7, 100, 65_536),
        fc.constantFrom(1000, 16),
        fc.boolean(),
        async (events, sliceCount, blockBytes, columnsMax, infersTypes) => {
          const sent = events.map(toLine)
          const bodies = Array.from({ length: sliceCount }, (_, slice) =>
            Buffer.from(
              sent
                .filter((_, at) => at % sliceCount === slice)
                .map(({ line }) => `${line}\n`)
                .join(''),
            ),
          )
          const { rows, columns, columnsOverTime, rejects } = await loadAll(
            bodies,
            { ...PLAIN_RULES, columnsMax, infersTypes },
            blockBytes,
            Spooler,
          )
          expect(rejects).toEqual([])
          expect(rows.length).toBe(sent.length)
          expect(columns.length).toBeLessThanOrEqual(columnsMax)
          const reader = new PropertyReader(columns)
          for (const { id, properties, event } of sent) {
            const row = rows.find(({ distinct_id }) => distinct_id === id)
            if (row === undefined) throw new Error(`${id} is not there`)
            if (event !== '"\\ud83d"') expect(row.event).toBe(JSON.parse(event))
            else if (columns.some(({ name }) => name === 'event__text')) expect(row.event__text).toBe(event)
            else expect(JSON.parse(String(row._more))['../event']).toBe(event)
            const last = new Map(properties.map(([key, value]) => [JSON.parse(key) as string, value]))
            for (const [property, value] of last) {
              const read = reader.read(row, property)
              expect(
                isSame(read, value),
                `${JSON.stringify(property)}: sent ${value}, read ${JSON.stringify(read)}`,
              ).toBe(true)
            }
          }
          // A column stays what it was, and where it was.
          for (const [at, later] of columnsOverTime.slice(1).entries()) {
            const before = JSON.parse(columnsOverTime[at] ?? '[]')
            expect(JSON.parse(later).slice(0, before.length)).toEqual(before)
          }
        },
      ),
      { numRuns: runs(60) },
    )
  })
})
