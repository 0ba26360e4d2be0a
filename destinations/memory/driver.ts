import { MixloadError } from '../../lib/core/errors.ts'
import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type {
  DestinationConnection,
  DestinationDriver,
  DestinationOptions,
  DestinationReader,
  KnownColumn,
  Load,
  LoadRecord,
  LoadRows,
} from '../../lib/destination/contract.ts'
import { type Engine, type EngineConnection, interruptible } from '../../lib/engine/engine.ts'

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>

/** A table in memory. */
export interface MemoryTable {
  readonly columns: KnownColumn[]
  rows: Row[]
}

/** The driver of the URL `memory:`. */
export function createDriver({ url, engine }: DestinationOptions): DestinationDriver {
  if (url === 'memory:') return new MemoryDriver(engine)
  throw new MixloadError('CONFIG_INVALID', '--destination: write memory: alone, with nothing after it.')
}

/** The reference: the shortest driver that keeps every promise. It holds all rows in memory. */
export class MemoryDriver implements DestinationDriver {
  readonly capabilities = {
    ...ENGINE_CAPABILITIES,
    atomicReplace: true,
    atomicLedger: true,
    readersDuringLoad: true,
    queries: false,
  }
  readonly description = 'memory:'
  readonly #engine: Engine
  readonly #tables = new Map<string, MemoryTable>()
  readonly #loads: LoadRecord[] = []

  constructor(engine: Engine) {
    this.#engine = engine
  }

  pathInViews(table: string): string {
    return `"${table}"`
  }

  /** A table as it is now, for tests; undefined if it does not exist. */
  peek(table: string): Readonly<MemoryTable> | undefined {
    return this.#tables.get(table)
  }

  connectToRead(): Promise<DestinationReader> {
    return this.connect()
  }

  async connect(): Promise<DestinationConnection> {
    const engine = await this.#engine.connect()
    return {
      isLost: false,
      readLedger: async () => this.#loads,
      readColumns: async (table) => [...(this.#tables.get(table)?.columns ?? [])],
      createColumns: async (table, columns) => void this.#table(table).columns.push(...columns),
      write: (load, signal) => interruptible(engine, signal, () => this.#write(load, engine, signal)),
      close: async () => engine.close(),
    }
  }

  async #write(load: Load, engine: EngineConnection, signal: AbortSignal): Promise<void> {
    const added = await read(load.rows, engine)
    const rejected = await read(load.rejects, engine)
    signal.throwIfAborted()
    // Nothing can fail from here on: this is the commit.
    if (load.columns.length > 0) {
      const empty = Object.fromEntries(load.columns.map(({ name }) => [name, null]))
      const table = this.#table(load.table)
      const kept = table.rows.filter((row) => !isReplaced(row, load))
      table.rows = [...kept, ...added.map((row) => ({ ...empty, ...row }))]
    }
    this.#table('_mixload_rejects').rows.push(...rejected)
    this.#loads.push(load.record)
  }

  #table(name: string): MemoryTable {
    const table = this.#tables.get(name) ?? { columns: [], rows: [] }
    this.#tables.set(name, table)
    return table
  }
}

async function read(rows: LoadRows | undefined, engine: EngineConnection): Promise<readonly Row[]> {
  if (rows === undefined) return []
  const found = await engine.all(rows.query)
  rows.verify(found.length)
  return found
}

function isReplaced(row: Row, { mode }: Load): boolean {
  if (mode.kind === 'append') return false
  if (mode.kind === 'replace-table') return true
  const day = row._day instanceof Date ? row._day.toISOString().slice(0, 10) : String(row._day)
  return day >= mode.firstDay && day <= mode.lastDay
}
