import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PostgresDriver, type PostgresOptions } from '../../destinations/postgres/driver.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import type { StoredRow } from '../conformance/harness.ts'
import { type Database, newDatabase } from '../postgres/shared.ts'
import { newEngine } from './engine.ts'

/** A database of its own, and destinations on its schema `mixpanel`. */
export class PostgresPlace implements AsyncDisposable {
  readonly database: Database
  readonly directory: string
  readonly engine: Engine
  readonly #destinations: Warehouse[] = []

  private constructor(database: Database, directory: string, engine: Engine) {
    this.database = database
    this.directory = directory
    this.engine = engine
  }

  static async create(): Promise<PostgresPlace> {
    const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    return new PostgresPlace(await newDatabase(), directory, await newEngine(directory))
  }

  destination(options: Partial<PostgresOptions> = {}): Warehouse {
    const destination = new Warehouse(
      new PostgresDriver({
        url: this.database.url,
        schema: 'mixpanel',
        engine: this.engine,
        workDirectory: this.directory,
        ...options,
      }),
      { engine: this.engine },
    )
    this.#destinations.push(destination)
    return destination
  }

  /** Runs statements as the superuser and returns the rows of the last one. */
  query(sql: string): Promise<readonly StoredRow[]> {
    return this.database.query(sql)
  }

  /** Files on their way, without the pipe that waits for the next. */
  async files(): Promise<readonly string[]> {
    const found = await readdir(this.directory, { withFileTypes: true })
    return found.filter((entry) => entry.isFile()).map(({ name }) => name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const destination of this.#destinations) await destination[Symbol.asyncDispose]()
    await this.engine[Symbol.asyncDispose]()
    await this.database[Symbol.asyncDispose]()
    await rm(this.directory, { recursive: true, force: true })
  }
}
