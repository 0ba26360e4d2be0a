import { quoteName, quotePath } from '../../lib/core/sql.ts'
import type {
  DestinationConnection,
  KnownColumn,
  Load,
  LoadRecord,
  TakeRows,
  View,
} from '../../lib/destination/contract.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import { type Engine, type EngineConnection, interruptible, rowsAsJson } from '../../lib/engine/engine.ts'
import { columnNames, type LedgerPlace, makeLedger, noteColumns, readColumns, readLoads } from './ledger.ts'
import { writeLoad } from './write.ts'

/**
 * Under this name the file is attached to the transform engine, so that loading copies nothing in
 * between.
 */
export const CATALOG = 'warehouse'

/** Rows that DuckDB keeps together. */
const ROW_GROUP_ROWS = 122_880

/** A database file that is attached to the engine. */
export class DuckDbConnection implements DestinationConnection {
  readonly isLost = false
  readonly #engine: Engine
  readonly #connection: EngineConnection
  readonly #place: LedgerPlace
  /** Whether loads were committed that leave row groups nearly empty. */
  #hasSmallLoads = false

  constructor(engine: Engine, connection: EngineConnection, schema: string) {
    this.#engine = engine
    this.#connection = connection
    this.#place = { catalog: CATALOG, schema }
  }

  readLedger(stream?: string): Promise<readonly LoadRecord[]> {
    return readLoads(this.#connection, this.#place, stream)
  }

  readColumns(table: string): Promise<readonly KnownColumn[]> {
    return readColumns(this.#connection, this.#place, table)
  }

  async createColumns(table: string, columns: readonly KnownColumn[]): Promise<void> {
    await this.#transaction(async () => {
      const path = this.#path(table)
      const definitions = columns.map(({ name, type }) => `${quoteName(name)} ${ENGINE_TYPES[type]}`)
      if (await this.isTable(table)) {
        for (const definition of definitions) {
          await this.#connection.run(`ALTER TABLE ${path} ADD COLUMN IF NOT EXISTS ${definition}`)
        }
      } else await this.#connection.run(`CREATE TABLE ${path} (${definitions.join(', ')})`)
      await noteColumns(this.#connection, this.#place, table, columns)
    })
  }

  async write(load: Load, signal: AbortSignal): Promise<void> {
    await this.#transaction(async () => {
      await this.#engine.makeRoomFor(load.columns.length, this.#connection)
      await writeLoad(this.#connection, load, this.#place, signal)
    }, signal)
    if (load.record.rowCount < ROW_GROUP_ROWS) this.#hasSmallLoads = true
  }

  async replaceViews(views: readonly View[]): Promise<void> {
    await this.#transaction(async () => {
      for (const { name, query } of views) {
        await this.#connection.run(`CREATE OR REPLACE VIEW ${this.#path(name)} AS ${query}`)
      }
    })
  }

  query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    return interruptible(this.#connection, signal, () => this.#connection.texts(rowsAsJson(sql), take))
  }

  async close(): Promise<void> {
    try {
      // Detaching writes the file's checkpoint. Merging row groups there pays after small loads;
      // after large ones it would write again, for a third of the load's time, what is nearly full
      // already.
      if (this.#hasSmallLoads) await this.#connection.run('RESET max_vacuum_tasks')
      await this.#connection.run('USE memory.main')
      await this.#connection.run(`DETACH ${quoteName(CATALOG)}`)
    } finally {
      this.#connection.close()
    }
  }

  /** Creates the schema and what is missing of the ledger. */
  async createLedger(): Promise<void> {
    await this.#transaction(() => makeLedger(this.#connection, this.#place))
  }

  /**
   * Lets views name tables without the catalog, which has another name when the file is opened by
   * itself.
   */
  async useSchema(): Promise<void> {
    await this.#connection.run(`USE ${quotePath(CATALOG, this.#place.schema)}`)
  }

  /** Whether there is a table of this name. */
  async isTable(table: string): Promise<boolean> {
    return (await columnNames(this.#connection, this.#place, table)).length > 0
  }

  /**
   * Runs work within a transaction. A signal interrupts the work and nothing else: a commit that is
   * interrupted may be one all the same, and a rollback that is leaves the connection of no use.
   */
  async #transaction(work: () => Promise<unknown>, signal?: AbortSignal): Promise<void> {
    await this.#connection.run('BEGIN')
    try {
      await (signal === undefined ? work() : interruptible(this.#connection, signal, work))
      await this.#connection.run('COMMIT')
    } catch (error) {
      // After some failures DuckDB has rolled back by itself; what counts is the first error.
      await this.#connection.run('ROLLBACK').catch(() => {})
      throw error
    }
  }

  #path(table: string): string {
    return quotePath(CATALOG, this.#place.schema, table)
  }
}
