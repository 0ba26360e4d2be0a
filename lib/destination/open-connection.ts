import type { DestinationConnection, DestinationReader, KnownColumn, LoadRecord } from './contract.ts'
import { assertFormKnown, inCommitOrder } from './load-rules.ts'

/** The reader of a warehouse that does not exist. */
const NOTHING: DestinationReader = {
  isLost: false,
  readLedger: async () => [],
  readColumns: async () => [],
  query: async () => 0,
  close: async () => {},
}

/**
 * A connection, and a cache of what was read through it. Nobody else writes during the run lock, so
 * loads need to read the ledger only once. The cache ends with the connection.
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
   * @param reader undefined if the warehouse does not exist.
   * @param description where it is, for messages.
   */
  constructor(reader: DestinationReader | undefined, writer: DestinationConnection | undefined, description: string) {
    this.reader = reader ?? NOTHING
    this.writer = writer
    this.#description = description
  }

  /** Whether it need not be opened again. A warehouse that did not exist may exist by now. */
  get isUsable(): boolean {
    return this.reader !== NOTHING && !this.reader.isLost && !this.isTakenOver
  }

  /** The loads of a stream as they are now, in the order of their commits. */
  async loadsOf(stream: string): Promise<readonly LoadRecord[]> {
    return (await this.#readLedger(stream)).filter((load) => load.stream === stream)
  }

  /** All loads, in the order of their commits. Read once. */
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

  /** Makes the next load read the ledger again. To be called after a load that failed. */
  forgetLoads(): void {
    this.#loads = undefined
  }

  async columns(table: string): Promise<readonly KnownColumn[]> {
    const columns = await this.reader.readColumns(table)
    this.#columns.set(table, columns)
    return columns
  }

  /** The columns of a table as they were last read or created. */
  async knownColumns(table: string): Promise<readonly KnownColumn[]> {
    return this.#columns.get(table) ?? (await this.columns(table))
  }

  hasColumns(table: string, columns: readonly KnownColumn[]): void {
    this.#columns.set(table, columns)
  }
}
