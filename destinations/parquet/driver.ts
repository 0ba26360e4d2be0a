import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { isUrlLike } from '../../lib/core/addresses.ts'
import { makeDirectory } from '../../lib/core/directories.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import { quoteName } from '../../lib/core/sql.ts'
import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type {
  DestinationConnection,
  DestinationDriver,
  DestinationOptions,
  DestinationReader,
} from '../../lib/destination/contract.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'
import { ParquetConnection } from './connection.ts'
import { explain } from './failures.ts'
import { namesIn } from './files/file-system.ts'
import { type Layout, layoutOf } from './files/layout.ts'
import { type RunLock, takeRunLock } from './lock.ts'

export interface ParquetOptions extends Pick<DestinationOptions, 'engine' | 'warn'> {
  readonly directory: string
}

/** The driver of a URL `parquet:DIR`. */
export function createDriver({ url, engine, warn }: DestinationOptions): DestinationDriver {
  const directory = url.slice('parquet:'.length)
  if (directory === '')
    throw new MixloadError('CONFIG_INVALID', '--destination: parquet: needs a directory: parquet:DIR.')
  if (isUrlLike(directory))
    throw new MixloadError('CONFIG_INVALID', '--destination: parquet: takes a directory of this machine, not a URL.')
  return new ParquetDriver({ directory, engine, warn })
}

/** Loads into a directory of Parquet files. The system's lock on a file in it is the run lock. */
export class ParquetDriver implements DestinationDriver {
  readonly capabilities = {
    ...ENGINE_CAPABILITIES,
    // Files are added and removed one by one, and readers of the directory see that.
    atomicReplace: false,
    atomicLedger: false,
    readersDuringLoad: true,
    queries: true,
    removesRows: true,
  }
  readonly description: string
  readonly explain = explain
  readonly #options: ParquetOptions
  readonly #layout: Layout

  constructor(options: ParquetOptions) {
    this.#options = options
    this.description = `parquet:${options.directory}`
    this.#layout = layoutOf(resolve(options.directory))
  }

  pathInViews(table: string): string {
    // Without a schema: the views are created in the schema of whoever reads views.sql.
    return quoteName(table)
  }

  async connect(): Promise<DestinationConnection> {
    const { loads, columns, pending } = this.#layout
    for (const path of [loads, columns, pending]) await makeDirectory(path)
    return this.#open((engine) => takeRunLock(this.#layout, engine, this.description))
  }

  async connectToRead(): Promise<DestinationReader | undefined> {
    // A path that is not a directory must not read as an empty one.
    await namesIn(this.#layout.loads)
    return existsSync(this.#layout.loads) ? this.#open(async () => undefined) : undefined
  }

  async #open(takeLock: (engine: EngineConnection) => Promise<RunLock | undefined>): Promise<ParquetConnection> {
    const { engine, warn } = this.#options
    const connection = await engine.connect()
    try {
      const place = { layout: this.#layout, description: this.description, engine, warn }
      return await ParquetConnection.open(place, connection, await takeLock(connection))
    } catch (error) {
      connection.close()
      throw error
    }
  }
}
