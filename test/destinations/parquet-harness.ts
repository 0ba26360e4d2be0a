import type { ChildProcess, ForkOptions } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ParquetDriver } from '../../destinations/parquet/driver.ts'
import type { DestinationHarness, Run, StoredRow } from '../conformance/harness.ts'
import { kill, nextMessage, startProcess } from './child-process.ts'
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
      return { engine, driver: new ParquetDriver({ directory, engine, warn: () => {} }) }
    }
    let current: Run = await open()
    return {
      ...current,
      async reopen() {
        await current.engine[Symbol.asyncDispose]()
        current = await open()
        return current
      },
      readRows: (table) => readView(directory, table),
      async readFromOutside(table) {
        const message = (await nextMessage(child('read', directory, table))) as
          | { rows: readonly StoredRow[] }
          | { failed: string }
        if ('failed' in message) throw new Error(message.failed)
        return message.rows
      },
      isUntouched: async () => !existsSync(directory),
      async startRival() {
        const rival = child('hold', directory)
        const message = await nextMessage(rival)
        if (message !== 'open') throw new Error(`the rival could not open: ${JSON.stringify(message)}`)
        return { name: `process ${rival.pid} on `, end: () => kill(rival) }
      },
      async close() {
        for (const process of children) await kill(process)
        await current.engine[Symbol.asyncDispose]()
        await rm(parent, { recursive: true, force: true })
      },
    }
  },
}
