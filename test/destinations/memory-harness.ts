import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryDriver } from '../../destinations/memory/driver.ts'
import { Engine } from '../../lib/engine/engine.ts'
import type { DestinationHarness, StoredRow } from '../conformance/harness.ts'
import { storedRow } from './cells.ts'

export const MEMORY: DestinationHarness = {
  name: 'memory',
  queriesViews: false,
  async create() {
    const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(directory, 'engine') })
    const driver = new MemoryDriver(engine)
    const readRows = async (table: string): Promise<readonly StoredRow[]> => {
      const { columns, rows } = driver.peek(table) ?? { columns: [], rows: [] }
      // A row in memory does not say which of its `Date`s is a day.
      const dates = new Set(columns.filter(({ type }) => type === 'date').map(({ name }) => name))
      // Rows from before a column was added do not mention it.
      const empty = Object.fromEntries(columns.map(({ name }) => [name, null]))
      return rows.map((row) => storedRow({ ...empty, ...row }, (name) => dates.has(name)))
    }
    return {
      driver,
      engine,
      readRows,
      readFromOutside: readRows,
      isUntouched: async () => ['things', '_mixload_rejects'].every((table) => driver.peek(table) === undefined),
      async close() {
        await engine[Symbol.asyncDispose]()
        await rm(directory, { recursive: true, force: true })
      },
    }
  },
}
