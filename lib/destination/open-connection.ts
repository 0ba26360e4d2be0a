import type { DestinationConnection, DestinationReader, KnownColumn, LoadRecord } from './contract.ts'
import { assertFormKnown, inCommitOrder } from './load-rules.ts'

/** What is read where there is nothing to read. */
const NOTHING: DestinationReader = {
  isLost: false,
  readLedger: async () => [],
  readColumns: async () => [],
  query: async () => 0,
  close: async () => {},
}

/**
 * A connection, with what has been read through it. Under the run lock nobody else writes, so that
 * for loads the ledger is read once. All of it is forgotten with the connection.
 */
export class OpenConnection {
  readonly reader: DestinationReader
  /** Undefined if it was opened to read only. */
  readonly writer: DestinationConnection | undefined
  /** Whether another run has taken the run lock. */
  isTakenOver = false
  #loads: LoadRecord[] | undefined
  readonly #columns = new Map<string, readonly KnownColumn[]>()

  readonly #description: string

  /**
   * @param reader undefined for a place where there is nothing.
   * @param description where it is, for messages.
   */
  constructor(reader: DestinationReader | undefined, writer: DestinationConnection | undefined, description: string) {
    this.reader = reader ?? NOTHING
    this.writer = writer
    this.#description = description
  }

  /** Whether opening again would change nothing. Where nothing was, something may be by now. */
  get isUsable(): boolean {
    return this.reader !== NOTHING && !this.reader.isLost && !this.isTakenOver
  }

  /** The loads of a stream as they are now, in the order of their commits. */
  async loadsOf(stream: string): Promise<readonly LoadRecord[]> {
    return (await this.#readLedger(stream)).filter((load) => load.stream === stream)
  }

  /** All loads, in the order of their commits, as they are known to whoever has the run lock. */
  async loads(): Promise<readonly LoadRecord[]> {
    this.#loads ??= await this.#readLedger()
    return this.#loads
  }

  /** @throws MixloadError CONFIG_INVALID if a newer mixload has written to the ledger. */
  async #readLedger(stream?: string): Promise<LoadRecord[]> {
    const loads = inCommitOrder(await this.reader.readLedger(stream))
    assertFormKnown(loads, this.#description)
    return loads
  }

  committed(record: LoadRecord): void {
    this.#loads?.push(record)
  }

  /** After a load that failed: the ledger is read again. */
  forgetLoads(): void {
    this.#loads = undefined
  }

  async columns(table: string): Promise<readonly KnownColumn[]> {
    const columns = await this.reader.readColumns(table)
    this.#columns.set(table, columns)
    return columns
  }

  /** The columns of a table, as they were read or created last. */
  async knownColumns(table: string): Promise<readonly KnownColumn[]> {
    return this.#columns.get(table) ?? (await this.columns(table))
  }

  hasColumns(table: string, columns: readonly KnownColumn[]): void {
    this.#columns.set(table, columns)
  }
}
