import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type {
  DestinationCapabilities,
  DestinationConnection,
  DestinationDriver,
  DestinationReader,
  KnownColumn,
  Load,
  LoadRecord,
  LoadRows,
} from '../../lib/destination/contract.ts'
import { type Engine, type EngineConnection, interruptible } from '../../lib/engine/engine.ts'

const CAPABILITIES: DestinationCapabilities = {
  ...ENGINE_CAPABILITIES,
  atomicReplace: true,
  atomicLedger: true,
  readersDuringLoad: true,
  queries: false,
}

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>

/** What a table holds in memory. */
export interface MemoryTable {
  readonly columns: KnownColumn[]
  rows: Row[]
}

/**
 * The reference: the shortest driver that keeps every promise. It holds all rows in memory, for as
 * long as it lives.
 */
export class MemoryDriver implements DestinationDriver {
  readonly capabilities = CAPABILITIES
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

  /** What a table holds at this moment, for tests; undefined if there is no such table. */
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
    const { loadId, stream, loadedAt } = load.record
    const added = await read(load.rows, engine)
    const rejected = await read(load.rejects, engine)
    signal.throwIfAborted()
    // From here on nothing can fail: this is the commit.
    const empty = Object.fromEntries(load.columns.map(({ name }) => [name, null]))
    const own = { _loaded_at: loadedAt, _load_id: loadId }
    if (load.columns.length > 0) {
      const table = this.#table(load.table)
      const kept = table.rows.filter((row) => !isReplaced(row, load))
      table.rows = [...kept, ...added.map((row) => ({ ...empty, ...row, ...own }))]
    }
    this.#table('_mixload_rejects').rows.push(...rejected.map((row) => ({ load_id: loadId, stream, ...row })))
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
