import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryDestination } from '../../destinations/memory/index.ts'
import { Engine } from '../../lib/engine.ts'
import type { DestinationHarness, StoredRow } from '../conformance/harness.ts'
import { storedRow } from './cells.ts'

export const MEMORY: DestinationHarness = {
  name: 'memory',
  queriesViews: false,
  async create() {
    const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(directory, 'engine') })
    const destination = createMemoryDestination({ engine })
    const dates = new Set<string>()
    const names = new Map<string, readonly string[]>()
    const readRows = async (table: string): Promise<readonly StoredRow[]> => {
      // Only for the types: a row in memory does not say which of its `Date`s is a day. Closed, it is as it was.
      const columns = await destination.columns(table).catch(() => undefined)
      for (const { name, type } of columns ?? []) if (type === 'date') dates.add(name)
      if (columns !== undefined)
        names.set(
          table,
          columns.map(({ name }) => name),
        )
      // Rows from before a column was added do not mention it.
      const empty = Object.fromEntries((names.get(table) ?? []).map((name) => [name, null]))
      return destination.rows(table).map((row) => storedRow({ ...empty, ...row }, (name) => dates.has(name)))
    }
    return {
      destination,
      engine,
      readRows,
      readFromOutside: readRows,
      isUntouched: async () => ['things', '_mixload_rejects'].every((table) => destination.rows(table).length === 0),
      async close() {
        await destination[Symbol.asyncDispose]()
        await engine[Symbol.asyncDispose]()
        await rm(directory, { recursive: true, force: true })
      },
    }
  },
}
