import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MemoryDriver } from '../../destinations/memory/driver.ts'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { ColumnRegistry } from '../../lib/columns/registry.ts'
import { messageOf } from '../../lib/core/errors.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'
import type { SpooledRows } from '../../lib/transform/spooled-rows.ts'
import { PLAIN_RULES } from '../columns/plain-rules.ts'
import { expectFailure } from '../conformance/failures.ts'
import { eventInput, eventLoader } from './event-table.ts'
import { BodySpooler } from './spool-lines.ts'

const DAY = { firstDay: '2026-08-03', lastDay: '2026-08-03' }

/** A loader into memory, with an engine that may use this much memory. */
async function loaderOf(memoryLimit: string) {
  const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  const spool = await SpoolDirectory.create(directory)
  const engine = await Engine.create({ memoryLimit, temporaryDirectory: join(directory, 'engine') })
  const memory = new MemoryDriver(engine)
  const destination = new Warehouse(memory, { engine })
  await destination.open(new AbortController().signal)
  const registry = new ColumnRegistry(EXPORT_COLUMNS, PLAIN_RULES)
  const warnings: string[] = []
  const input = eventInput(registry, spool, engine, (message) => warnings.push(message))
  const loader = eventLoader(input, destination, [])
  return {
    engine,
    memory,
    warnings,
    load: (rows: SpooledRows) => loader.load(rows, DAY, new AbortController().signal),
    async spooled(lines: readonly string[]): Promise<SpooledRows> {
      return (await new BodySpooler(spool, input).spool(DAY, Buffer.from(lines.join('')))).tables[0]
    },
    async [Symbol.asyncDispose]() {
      await destination[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

const LINES = Array.from(
  { length: 50 },
  (_, at) => `{"event":"E","properties":{"time":${1785758400000 + at},"a":${at}}}\n`,
)

it('rejects only the lines that the engine cannot read, and loads the others', async () => {
  await using place = await loaderOf('500MB')
  const spooled = await place.spooled(LINES)
  // What the scanner would never let through: a lone surrogate, and a text where the struct has a
  // number.
  const bad = ['{"event":"E","properties":{"a":"\\ud800"}}', '{"event":"E","properties":{"a":"x"}}']
  await appendFile(spooled.lines[0]?.path ?? '', bad.map((line) => `${line}\n`).join(''))
  const { summary } = spooled
  const record = await place.load({ ...spooled, summary: { ...summary, rows: summary.rows + bad.length } })
  expect(record).toMatchObject({ rowCount: 50, rejectCount: 2 })
  const numbers = place.memory.peek('export')?.rows.map(({ a }) => Number(a))
  expect(numbers?.toSorted((a, b) => a - b)).toEqual(LINES.map((_, at) => at))
  const rejects = place.memory.peek('_mixload_rejects')?.rows.map(({ line }) => String(line))
  expect(rejects?.toSorted()).toEqual(bad.toSorted())
  expect(place.warnings).toEqual([expect.stringContaining('cannot read 2 lines')])
})

it('rejects no line because the engine lacks the memory to read it', async () => {
  await using place = await loaderOf('500MB')
  const spooled = await place.spooled(LINES)
  const connection = await place.engine.connect()
  await connection.run("SET memory_limit = '300KB'")
  const failure = await expectFailure(place.load(spooled), 'DESTINATION_FAILED')
  expect(messageOf(failure)).toContain('Out of Memory')
  expect(place.warnings).toEqual([])
  await connection.run("SET memory_limit = '500MB'")
  connection.close()
  expect(await place.load(spooled)).toMatchObject({ rowCount: 50, rejectCount: 0 })
})
