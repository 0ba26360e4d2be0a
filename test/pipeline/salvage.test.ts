import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createMemoryDestination } from '../../destinations/memory/index.ts'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { ColumnRegistry } from '../../lib/columns/registry.ts'
import { Engine } from '../../lib/engine.ts'
import { Loader } from '../../lib/load.ts'
import { SpoolDirectory } from '../../lib/spool.ts'
import { BodySpooler } from './spool-lines.ts'

const DAY = { firstDay: '2026-08-03', lastDay: '2026-08-03' }

it('sets aside just the lines that the engine refuses, and loads the others', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  try {
    await using spool = await SpoolDirectory.create(directory)
    await using engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(directory, 'engine') })
    await using destination = createMemoryDestination({ engine })
    const { signal } = new AbortController()
    await destination.open(signal)
    const registry = new ColumnRegistry(EXPORT_COLUMNS, {
      columnsMax: 1000,
      newProperties: 'capture',
      typeOf: () => undefined,
      isWanted: () => true,
    })
    const told: string[] = []
    const loader = new Loader(
      {
        destination: { ...destination, load: failingAsADriverDoes(destination.load) },
        engine,
        spool,
        registry,
        table: 'export',
        write: 'append',
        localZone: undefined,
        tell: (event) => event.kind === 'warning' && told.push(event.message),
      },
      [],
    )
    const lines = Array.from(
      { length: 50 },
      (_, at) => `{"event":"E","properties":{"time":${1785758400000 + at},"a":${at}}}\n`,
    )
    const spooled = await new BodySpooler(spool, registry).spool(DAY, Buffer.from(lines.join('')))
    // What the scanner would never let through: a lone surrogate, and a text where the struct has a number.
    const bad = ['{"event":"E","properties":{"a":"\\ud800"}}', '{"event":"E","properties":{"a":"x"}}']
    await appendFile(spooled.events[0]?.path ?? '', bad.map((line) => `${line}\n`).join(''))
    const { summary } = spooled
    const record = await loader.load(
      { ...spooled, summary: { ...summary, events: summary.events + bad.length } },
      signal,
    )
    expect(record).toMatchObject({ rowCount: 50, rejectCount: 2 })
    expect(
      destination
        .peek('export')
        ?.rows.map(({ a }) => a)
        .sort((one, other) => Number(one) - Number(other)),
    ).toEqual(Array.from({ length: 50 }, (_, at) => at))
    expect(
      destination
        .peek('_mixload_rejects')
        ?.rows.map(({ line }) => line)
        .sort(),
    ).toEqual([...bad].sort())
    expect(told).toEqual([expect.stringContaining('cannot read 2 lines')])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

/** Destinations wrap the engine's failures; the memory destination hands them on as they are. */
function failingAsADriverDoes(load: ReturnType<typeof createMemoryDestination>['load']): typeof load {
  return async (...given) => {
    const { MixloadError } = await import('../../lib/errors.ts')
    try {
      return await load(...given)
    } catch (error) {
      throw new MixloadError('DESTINATION_FAILED', 'wrapped', { cause: error })
    }
  }
}
