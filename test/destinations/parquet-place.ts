import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ParquetDriver } from '../../destinations/parquet/driver.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import type { StoredRow } from '../conformance/harness.ts'
import { kill } from './child-process.ts'
import { newEngine } from './engine.ts'
import { startParquetChild } from './parquet-harness.ts'
import { query } from './parquet-reading.ts'

/** A directory that does not exist yet, and destinations in it and next to it. */
export class ParquetPlace implements AsyncDisposable {
  /** The parent of the directory. */
  readonly parent: string
  readonly directory: string
  readonly engine: Engine
  readonly destination: Warehouse
  readonly #children: ChildProcess[] = []

  private constructor(parent: string, engine: Engine) {
    this.parent = parent
    this.directory = join(parent, 'lake')
    this.engine = engine
    this.destination = this.destinationOn(this.directory)
  }

  static async create(): Promise<ParquetPlace> {
    const parent = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    return new ParquetPlace(parent, await newEngine(parent))
  }

  destinationOn(directory: string, engine = this.engine): Warehouse {
    return new Warehouse(new ParquetDriver({ directory, engine, warn: () => {} }), { engine })
  }

  child(...args: Parameters<typeof startParquetChild>): ChildProcess {
    const started = startParquetChild(...args)
    this.#children.push(started)
    return started
  }

  /** Files of tables, without those that only have the schema. */
  async filesIn(): Promise<readonly string[]> {
    const entries = await readdir(this.directory, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.directory.length + 1))
      .filter((name) => !name.startsWith('_mixload/') && !name.endsWith('_common_metadata'))
      .toSorted()
  }

  /** What DuckDB reads of the files that a pattern finds. */
  glob(pattern: string, columns = '*'): Promise<readonly StoredRow[]> {
    const files = `'${join(this.directory, pattern)}', hive_partitioning = true, union_by_name = true`
    return query(this.parent, `SELECT ${columns} FROM read_parquet(${files})`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await kill(child)
    await this.destination[Symbol.asyncDispose]()
    await this.engine[Symbol.asyncDispose]()
    await rm(this.parent, { recursive: true, force: true })
  }
}
