import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type {
  DestinationCapabilities,
  DestinationConnection,
  DestinationDriver,
  DestinationReader,
  Explanation,
  KnownColumn,
  Load,
  LoadRecord,
  TakeRows,
} from '../../lib/destination/contract.ts'

/** The calls of a driver and of its connections, by name. */
export type Call =
  | 'connect'
  | 'connectToRead'
  | 'readLedger'
  | 'readColumns'
  | 'createColumns'
  | 'write'
  | 'replaceViews'
  | 'query'
  | 'close'
  | 'close driver'

/**
 * What happens at a call instead of its usual effect, or before it; `undefined` lets it happen as
 * usual.
 */
type Step = ((call: ScriptedCall) => Promise<void> | void) | undefined

export interface ScriptedCall {
  /** Loses the connection. */
  lose(): void
  /** Commits the loads of a call of `write` or `writeAll`, whatever the outcome of the call. */
  commit(): void
  readonly signal: AbortSignal | undefined
}

/**
 * A driver that keeps loads and columns in arrays, notes each call, and does at a call what a test
 * has scripted.
 */
export class ScriptedDriver implements DestinationDriver {
  capabilities: DestinationCapabilities = {
    ...ENGINE_CAPABILITIES,
    atomicReplace: true,
    atomicLedger: true,
    atomicGroups: true,
    readersDuringLoad: true,
    queries: true,
  }
  readonly description = 'scripted:place'
  /** Undefined: there is nothing to read. */
  isThere = true
  readonly loads: LoadRecord[] = []
  readonly columns = new Map<string, KnownColumn[]>()
  /** Loads as they were given to `write`. */
  readonly written: Load[] = []
  readonly calls: Call[] = []
  /** The most calls that had begun and not ended at a time. */
  atOnce = 0
  /** The error of a query after it has handed over its rows. */
  queryFailure: unknown
  explanations = new Map<unknown, Explanation>()
  #running = 0
  readonly #steps = new Map<Call, Step[]>()

  /** What happens at the next calls of this name, one after the other. */
  script(call: Call, ...steps: readonly Step[]): void {
    this.#steps.set(call, [...(this.#steps.get(call) ?? []), ...steps])
  }

  /** The calls since this was last read. */
  takeCalls(): readonly Call[] {
    return this.calls.splice(0)
  }

  pathInViews(table: string): string {
    return `<${table}>`
  }

  explain(error: unknown): Explanation | undefined {
    return this.explanations.get(error)
  }

  async connect(signal: AbortSignal): Promise<DestinationConnection> {
    return this.#call('connect', signal, () => this.#connection())
  }

  async connectToRead(signal: AbortSignal): Promise<DestinationReader | undefined> {
    return this.#call('connectToRead', signal, () => (this.isThere ? this.#connection() : undefined))
  }

  async close(): Promise<void> {
    await this.#call('close driver', undefined, () => {})
  }

  #connection(): DestinationConnection {
    let isLost = false
    const call = <T>(name: Call, signal: AbortSignal | undefined, work: () => T | Promise<T>, commit = () => {}) =>
      this.#call(
        name,
        signal,
        work,
        () => {
          isLost = true
        },
        commit,
      )
    const commit = ({ record }: Load) => void this.loads.push(record)
    return {
      get isLost() {
        return isLost
      },
      readLedger: (stream) =>
        call('readLedger', undefined, () => this.loads.filter((load) => load.stream === (stream ?? load.stream))),
      readColumns: (table) => call('readColumns', undefined, () => [...(this.columns.get(table) ?? [])]),
      createColumns: (table, columns) =>
        call('createColumns', undefined, () => {
          this.columns.set(table, [...(this.columns.get(table) ?? []), ...columns])
        }),
      write: (load, signal) => {
        this.written.push(load)
        return call(
          'write',
          signal,
          () => commit(load),
          () => commit(load),
        )
      },
      writeAll: (loads, signal) => {
        this.written.push(...loads)
        const commitAll = () => loads.forEach(commit)
        return call('write', signal, commitAll, commitAll)
      },
      replaceViews: () => call('replaceViews', undefined, () => {}),
      query: (sql, take, signal) => call('query', signal, () => this.#answer(Number(sql), take)),
      close: () => call('close', undefined, () => {}),
    }
  }

  /** Hands over as many rows as the query says, one at a time. */
  async #answer(count: number, take: TakeRows): Promise<number> {
    for (let at = 0; at < count; at++) await take([`{"at":${at}}`])
    if (this.queryFailure !== undefined) throw this.queryFailure
    return count
  }

  async #call<T>(
    name: Call,
    signal: AbortSignal | undefined,
    work: () => T | Promise<T>,
    lose = () => {},
    commit = () => {},
  ): Promise<T> {
    this.calls.push(name)
    this.atOnce = Math.max(this.atOnce, ++this.#running)
    try {
      // Long enough for calls that do not wait for this one.
      await new Promise((resolve) => setImmediate(resolve))
      const step = this.#steps.get(name)?.shift()
      await step?.({ lose, commit, signal })
      return await work()
    } finally {
      this.#running--
    }
  }
}

/** A step that throws. */
export function fails(error: unknown): Step {
  return () => {
    throw error
  }
}

/** A step that loses the connection and throws. */
export function losesConnection(error: unknown): Step {
  return ({ lose }) => {
    lose()
    throw error
  }
}
