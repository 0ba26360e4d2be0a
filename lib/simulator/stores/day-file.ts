import { writeFile } from 'node:fs/promises'

/** The approximate size of a block. An export holds one block in memory and shuffles its lines. */
export const BLOCK_BYTES = 1024 * 1024

/** Consecutive complete lines in a file. */
export interface StoredBlock {
  readonly path: string
  readonly start: number
  readonly end: number
}

/** The file of one day. Only lines that are written can be read. */
export class DayFile {
  readonly path: string
  #buffered: Buffer[] = []
  /** Where blocks start, including blocks that are not written yet. */
  readonly #starts = [0]
  #bytes = 0
  #writtenBytes = 0

  constructor(path: string) {
    this.path = path
  }

  /** Appends a line with its 0x0A. It is written later, so it must not change. */
  append(line: Buffer): void {
    this.#buffered.push(line)
    this.countLine(line.length)
  }

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
    if (this.#buffered.length === 0) return
    const bytes = Buffer.concat(this.#buffered)
    const upTo = this.#bytes
    this.#buffered = []
    await writeFile(this.path, bytes, { flag: 'a' })
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
