import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ran, Workplace } from '../cmd/run-mixload.ts'
import { isSame, PropertyReader } from '../pipeline/read-back.ts'
import { dayAt } from './day-events.ts'
import { FaultServer, whole } from './fault-server.ts'
import { FEW_BODIES, NOON, STRANGE_BODIES, type StrangeBody } from './strange-bodies.ts'
import { columnsOf, TABLES, type TableRow, type Tables } from './tables.ts'

/** The result of a run, read once. */
interface Loaded {
  readonly ran: Ran
  readonly rows: ReadonlyMap<string, TableRow>
  readonly rowCount: number
  readonly reader: PropertyReader
  readonly rejects: ReadonlyMap<string, readonly TableRow[]>
  readonly ledger: ReadonlyMap<string, TableRow>
}

function bytesOf({ start, lines, newline }: StrangeBody, day: string): Buffer {
  const bytes = Buffer.concat([start, ...lines.flatMap((line) => [Buffer.from(line), Buffer.from(newline)])])
  return Buffer.from(
    bytes.toString('latin1').replaceAll(String(NOON), String(Date.parse(`${day}T12:00:00Z`))),
    'latin1',
  )
}

/** Loads each body as a day of its own, with the command line. */
async function load(bodies: readonly StrangeBody[], tables: Tables): Promise<Loaded> {
  await using place = await Workplace.create()
  await using server = await FaultServer.start(({ day }) => {
    const at = bodies.findIndex((_, number) => dayAt(number) === day)
    return whole(bytesOf(bodies[at] as StrangeBody, day), { framing: 'chunked', gzip: true })
  })
  const args = ['backfill', '--streams', 'export', '--timezone', 'UTC', '--max-columns', '300']
  const span = ['--from', dayAt(0), '--to', dayAt(bodies.length - 1)]
  const environment = { MIXPANEL_API_URL: server.url, MIXLOAD_DESTINATION: tables.url }
  const ran = await place.run([...args, ...span], environment)
  if (ran.code !== 3) throw new Error(`exit code ${ran.code}: ${ran.stderr}`)
  const rows = await tables.rows('export')
  const ledger = await tables.rows('_mixload_loads')
  const dayOf = new Map(ledger.map((entry) => [String(entry.load_id), dateOf(entry.first_day)]))
  return {
    ran,
    rows: new Map(rows.map((row) => [String(row.mp_insert_id), row])),
    rowCount: rows.length,
    reader: new PropertyReader(await columnsOf(tables)),
    rejects: Map.groupBy(await tables.rows('_mixload_rejects'), (row) => dayOf.get(String(row.load_id)) ?? ''),
    ledger: new Map(ledger.map((entry) => [dateOf(entry.first_day), entry])),
  }
}

function dateOf(cell: unknown): string {
  return cell instanceof Date ? cell.toISOString().slice(0, 10) : String(cell)
}

function momentOf(cell: unknown): number | null {
  if (cell === null) return null
  if (typeof cell === 'bigint') return Number(cell)
  return cell instanceof Date ? cell.getTime() : Date.parse(String(cell))
}

const ANY = Number.POSITIVE_INFINITY
const END_OF_9999 = Date.parse('9999-12-31T23:59:59.999Z')

describe.each([
  ['duckdb', STRANGE_BODIES, ANY],
  ['postgres', STRANGE_BODIES, ANY],
  ['bigquery', FEW_BODIES, END_OF_9999],
] as const)('into %s', (destination, bodies, lastMoment) => {
  let directory: string
  let tables: Tables
  let loaded: Loaded
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mixload-bodies-'))
    tables = await TABLES[destination](directory)
    loaded = await load(bodies, tables)
  }, 300_000)
  afterAll(async () => {
    await tables[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  it.each(bodies.map((body, at) => [body.name, dayAt(at), body] as const))('%s', (_, day, { events, rejects }) => {
    expect(loaded.ledger.get(day)).toMatchObject({
      row_count: BigInt(events.length),
      reject_count: BigInt(rejects.length),
    })
    const reasons = (loaded.rejects.get(day) ?? []).map(({ reason }) => String(reason))
    expect(reasons).toHaveLength(rejects.length)
    for (const [at, reason] of rejects.entries()) expect(reasons[at]).toMatch(reason)
    for (const { id, properties, time } of events) {
      const row = loaded.rows.get(id)
      if (row === undefined) throw new Error(`${id} is not there`)
      expect(row.event).toBe('E')
      expect(dateOf(row._day)).toBe(day)
      if (time !== undefined) expect(momentOf(row.time)).toBe(Number(time) > lastMoment ? null : time)
      for (const [name, literal] of properties) {
        const read = loaded.reader.read(row, name)
        const shown = `${name.slice(0, 99)}: sent ${literal.slice(0, 99)}, read ${JSON.stringify(read).slice(0, 99)}`
        expect(isSame(read, literal), shown).toBe(true)
      }
    }
  })

  it('each event is there once, and each line is counted', () => {
    expect(loaded.rowCount).toBe(bodies.reduce((sum, { events }) => sum + events.length, 0))
    expect(loaded.rows.size).toBe(loaded.rowCount)
    const rejects = bodies.reduce((sum, body) => sum + body.rejects.length, 0)
    expect(loaded.ran.stdout).toContain(`export: ${rejects} lines rejected`)
  })
})
