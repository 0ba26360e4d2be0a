import { writeFile } from 'node:fs/promises'

/** The approximate size of a block. An export holds one block in memory and shuffles its lines. */
export const BLOCK_BYTES = 1024 * 1024

const FIRST_BUFFER_BYTES = 16 * 1024
const LARGEST_BUFFER_BYTES = 1024 * 1024

/** Consecutive complete lines in a file. */
export interface StoredBlock {
  readonly path: string
  readonly start: number
  readonly end: number
}

/** The file of one day. Lines are buffered; only those already written can be read. */
export class DayFile {
  readonly path: string
  #buffers: Buffer[] = []
  /** How much of the last buffer is used. */
  #used = 0
  /** Where blocks start, including blocks that are not written yet. */
  readonly #starts = [0]
  #bytes = 0
  #writtenBytes = 0

  constructor(path: string) {
    this.path = path
  }

  /** Appends the line `bytes[start, end)` with its 0x0A. Returns how much memory it allocated. */
  append(bytes: Buffer, start: number, end: number): number {
    const length = end - start
    let allocated = 0
    let last = this.#buffers.at(-1)
    if (last === undefined || last.length - this.#used < length) {
      const wanted = last === undefined ? FIRST_BUFFER_BYTES : Math.min(last.length * 4, LARGEST_BUFFER_BYTES)
      allocated = Math.max(wanted, length)
      if (last !== undefined) this.#buffers[this.#buffers.length - 1] = last.subarray(0, this.#used)
      // Not from Node's pool, because these buffers are long-lived.
      last = Buffer.allocUnsafeSlow(allocated)
      this.#buffers.push(last)
      this.#used = 0
    }
    bytes.copy(last, this.#used, start, end)
    this.#used += length
    this.countLine(length)
    return allocated
  }

  /** Counts a line of this many bytes. */
  countLine(length: number): void {
    if (this.#bytes - (this.#starts.at(-1) ?? 0) >= BLOCK_BYTES) this.#starts.push(this.#bytes)
    this.#bytes += length
  }

  /** Marks all counted lines as written: they were in the file before. */
  markWritten(): void {
    this.#writtenBytes = this.#bytes
  }

  /** Writes the buffered lines. Only one call may run at a time. */
  async write(): Promise<void> {
    const last = this.#buffers.at(-1)
    if (last === undefined) return
    const chunks = [...this.#buffers.slice(0, -1), last.subarray(0, this.#used)]
    const upTo = this.#bytes
    this.#buffers = []
    this.#used = 0
    await writeFile(this.path, chunks, { flag: 'a' })
    this.#writtenBytes = upTo
  }

  /** Returns the written blocks, in the order in which they were added. */
  blocks(): StoredBlock[] {
    const blocks: StoredBlock[] = []
    for (const [index, start] of this.#starts.entries()) {
      const end = Math.min(this.#starts[index + 1] ?? this.#bytes, this.#writtenBytes)
      if (end > start) blocks.push({ path: this.path, start, end })
    }
    return blocks
  }
}
