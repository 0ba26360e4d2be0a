import { writeFile } from 'node:fs/promises'

/** Lines are shuffled within blocks of about this size, so a block is what an export holds in memory. */
export const BLOCK_BYTES = 1024 * 1024

const FIRST_BUFFER_BYTES = 16 * 1024
const LARGEST_BUFFER_BYTES = 1024 * 1024

/** A run of whole lines in a file. */
export interface StoredBlock {
  readonly path: string
  readonly start: number
  readonly end: number
}

/** The file of one day: lines wait in buffers until they are written, and only written ones can be read. */
export class DayFile {
  readonly path: string
  #waiting: Buffer[] = []
  #used = 0
  /** Where blocks start, those of waiting lines included. */
  readonly #starts = [0]
  #bytes = 0
  #writtenBytes = 0

  constructor(path: string) {
    this.path = path
  }

  /** Appends `bytes[start, end)`, one line with its 0x0A. Gives the bytes of memory that this took. */
  append(bytes: Buffer, start: number, end: number): number {
    const length = end - start
    let taken = 0
    let last = this.#waiting.at(-1)
    if (last === undefined || last.length - this.#used < length) {
      const wish = last === undefined ? FIRST_BUFFER_BYTES : Math.min(last.length * 4, LARGEST_BUFFER_BYTES)
      taken = Math.max(wish, length)
      if (last !== undefined) this.#waiting[this.#waiting.length - 1] = last.subarray(0, this.#used)
      // Not from Node's pool: these buffers live long.
      last = Buffer.allocUnsafeSlow(taken)
      this.#waiting.push(last)
      this.#used = 0
    }
    bytes.copy(last, this.#used, start, end)
    this.#used += length
    this.grow(length)
    return taken
  }

  /** Counts a line of so many bytes that comes next. */
  grow(length: number): void {
    if (this.#bytes - (this.#starts.at(-1) ?? 0) >= BLOCK_BYTES) this.#starts.push(this.#bytes)
    this.#bytes += length
  }

  /** Declares every counted line written: for lines that were in the file before. */
  adopt(): void {
    this.#writtenBytes = this.#bytes
  }

  /** Writes what waits. One call at a time. */
  async write(): Promise<void> {
    const last = this.#waiting.at(-1)
    if (last === undefined) return
    const chunks = [...this.#waiting.slice(0, -1), last.subarray(0, this.#used)]
    const upTo = this.#bytes
    this.#waiting = []
    this.#used = 0
    await writeFile(this.path, chunks, { flag: 'a' })
    this.#writtenBytes = upTo
  }

  /** The written blocks, in the order of arrival. */
  blocks(): StoredBlock[] {
    const blocks: StoredBlock[] = []
    for (const [index, start] of this.#starts.entries()) {
      const end = Math.min(this.#starts[index + 1] ?? this.#bytes, this.#writtenBytes)
      if (end > start) blocks.push({ path: this.path, start, end })
    }
    return blocks
  }
}
