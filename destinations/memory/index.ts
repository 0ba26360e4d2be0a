import { MixloadError } from '../../lib/core/errors.ts'
import { ENGINE_SUPPORTS } from '../../lib/destination/capabilities.ts'
import { alreadyLoaded, countMismatch, nextLoadedAt } from '../../lib/destination/commit-rules.ts'
import type {
  Destination,
  DestinationOptions,
  DestinationSupports,
  KnownColumn,
  LoadRecord,
  LoadTarget,
  NewColumn,
  NewLoad,
  Relation,
  View,
} from '../../lib/destination/contract.ts'
import { inTurns } from '../../lib/destination/serialized.ts'
import { type Engine, type EngineConnection, interruptible } from '../../lib/engine/engine.ts'

const SUPPORTS: DestinationSupports = {
  ...ENGINE_SUPPORTS,
  atomicReplace: true,
  atomicLedger: true,
  readersDuringLoad: true,
  queries: false,
}

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>

/** What a table holds in memory. */
export interface MemoryTable {
  readonly columns: readonly KnownColumn[]
  readonly rows: readonly Row[]
}

/** A destination that shows what it holds at any moment, for tests and dry runs. */
export interface MemoryDestination extends Destination {
  /** Undefined where there is no such table. */
  peek(table: string): MemoryTable | undefined
}

/** The destination of the URL `memory:`. */
export function fromOptions({ url, engine }: DestinationOptions): Destination {
  if (url !== 'memory:')
    throw new MixloadError('CONFIG_INVALID', '--destination: memory: takes nothing after it, nor does duckdb::memory:.')
  return createMemoryDestination({ engine })
}

/** The reference: the shortest destination that keeps every promise of the interface. It holds all rows in memory. */
export function createMemoryDestination({ engine }: { readonly engine: Engine }): MemoryDestination {
  const tables = new Map<string, { columns: KnownColumn[]; rows: Row[] }>()
  const loads: LoadRecord[] = []
  let connection: EngineConnection | undefined
  let isClosed = false
  let isReadOnly = false

  const assertUsable = () => {
    if (isClosed) throw new MixloadError('CLOSED', 'The memory destination has been closed.')
  }
  const opened = (): EngineConnection => {
    assertUsable()
    if (connection === undefined)
      throw new MixloadError('DESTINATION_FAILED', 'The memory destination is not open yet.')
    return connection
  }
  const writable = (): EngineConnection => {
    const engineConnection = opened()
    if (isReadOnly) throw new MixloadError('DESTINATION_FAILED', 'The memory destination is open to read only.')
    return engineConnection
  }
  const table = (name: string) => {
    const existing = tables.get(name) ?? { columns: [], rows: [] }
    tables.set(name, existing)
    return existing
  }

  const destination: Destination = {
    supports: SUPPORTS,
    description: 'memory:',

    async open(signal) {
      assertUsable()
      signal.throwIfAborted()
      connection ??= await engine.connect()
      isReadOnly = false
    },

    async openToRead(signal) {
      await this.open(signal)
      isReadOnly = true
    },

    async columns(name) {
      opened()
      return [...(tables.get(name)?.columns ?? [])]
    },

    async addColumns(name, columns: readonly NewColumn[]) {
      writable()
      const { columns: there } = table(name)
      const firstSeenAt = new Date()
      for (const column of columns) {
        if (!there.some((other) => other.name === column.name)) there.push({ ...column, firstSeenAt })
      }
    },

    async ledger(stream) {
      opened()
      return loads.filter((load) => load.stream === stream)
    },

    async load(relation: Relation, target: LoadTarget, record: NewLoad, signal): Promise<LoadRecord> {
      const engineConnection = writable()
      return interruptible(engineConnection, signal, async () => {
        if (loads.some(({ loadId }) => loadId === record.loadId)) throw alreadyLoaded(record.loadId)
        const read = async (from: Relation, to: string) => {
          const rows = await engineConnection.all(from.query)
          if (rows.length === from.rowCount) return rows
          throw countMismatch(from.rowCount, rows.length, to)
        }
        const { columns, rows } = table(target.table)
        const unknown = relation.columns.find(({ name }) => !columns.some((column) => column.name === name))
        if (unknown !== undefined) throw new MixloadError('DESTINATION_FAILED', `There is no column ${unknown.name}.`)
        const loadedAt = nextLoadedAt(loads.at(-1)?.loadedAt)
        const empty = Object.fromEntries(columns.map(({ name }) => [name, null]))
        const added = (await read(relation, target.table)).map((row) => ({
          ...empty,
          ...row,
          _loaded_at: loadedAt,
          _load_id: record.loadId,
        }))
        const rejected = target.rejects === undefined ? [] : await read(target.rejects, '_mixload_rejects')
        signal.throwIfAborted()
        // From here on nothing can fail: this is the commit.
        const kept = rows.filter((row) => !isReplaced(row, target))
        rows.splice(0, rows.length, ...kept, ...added)
        table('_mixload_rejects').rows.push(
          ...rejected.map((row) => ({ load_id: record.loadId, stream: record.stream, ...row })),
        )
        const loaded = { ...record, loadedAt }
        loads.push(loaded)
        return loaded
      })
    },

    pathInViews: (name) => `"${name}"`,

    async putViews(_views: readonly View[]) {
      writable()
    },

    async query() {
      opened()
      throw new MixloadError('CONFIG_INVALID', 'memory: cannot be asked with SQL; load into DuckDB for that.')
    },

    async [Symbol.asyncDispose]() {
      isClosed = true
      connection?.close()
      connection = undefined
    },
  }
  return { ...inTurns(destination), peek: (name) => tables.get(name) }
}

function isReplaced(row: Row, { mode }: LoadTarget): boolean {
  if (mode.kind === 'append') return false
  if (mode.kind === 'replace-table') return true
  const day = row._day instanceof Date ? row._day.toISOString().slice(0, 10) : String(row._day)
  return day >= mode.firstDay && day <= mode.lastDay
}
