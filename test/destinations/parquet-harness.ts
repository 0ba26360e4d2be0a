import type { ChildProcess, ForkOptions } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createParquetDestination } from '../../destinations/parquet/index.ts'
import type { Destination } from '../../lib/destination/contract.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import type { DestinationHarness, StoredRow } from '../conformance/harness.ts'
import { kill, startProcess, told } from './child-process.ts'
import { newEngine } from './engine.ts'
import { readView } from './parquet-reading.ts'

/** Starts a process that uses a directory of Parquet files: see `parquet-child.ts`. */
export function startParquetChild(args: readonly string[], options: ForkOptions = {}): ChildProcess {
  return startProcess('parquet-child.ts', args, options)
}

/** A directory of its own, not made yet. */
export const PARQUET: DestinationHarness = {
  name: 'parquet',
  queriesViews: true,
  async create() {
    const parent = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    const directory = join(parent, 'lake')
    const children: ChildProcess[] = []
    const child = (...args: readonly string[]) => {
      const started = startParquetChild(args)
      children.push(started)
      return started
    }
    const open = async () => {
      const engine = await newEngine(parent)
      return { engine, destination: createParquetDestination({ directory, engine, warn: () => {} }) }
    }
    let current: { engine: Engine; destination: Destination } = await open()
    const closeCurrent = async () => {
      await current.destination[Symbol.asyncDispose]()
      await current.engine[Symbol.asyncDispose]()
    }
    return {
      ...current,
      async reopen() {
        await closeCurrent()
        current = await open()
        return current.destination
      },
      readRows: (table) => readView(directory, table),
      async readFromOutside(table) {
        const message = (await told(child('read', directory, table))) as
          | { rows: readonly StoredRow[] }
          | { failed: string }
        if ('failed' in message) throw new Error(message.failed)
        return message.rows
      },
      isUntouched: async () => !existsSync(directory),
      async startRival() {
        const rival = child('hold', directory)
        const message = await told(rival)
        if (message !== 'open') throw new Error(`the rival could not open: ${JSON.stringify(message)}`)
        return { name: `process ${rival.pid} on `, end: () => kill(rival) }
      },
      async close() {
        for (const one of children) await kill(one)
        await closeCurrent()
        await rm(parent, { recursive: true, force: true })
      },
    }
  },
}
