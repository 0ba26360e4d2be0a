import { appendFile } from 'node:fs/promises'

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
  /** Where the blocks of the written lines start, and where the last one ends. */
  readonly #starts: number[] = []
  #end = 0

  constructor(path: string) {
    this.path = path
  }

  /** Appends a line with its 0x0A. It is written later, so it must not change. */
  append(line: Buffer): void {
    this.#buffered.push(line)
  }

  /** Notes the next line of the file, which is written. */
  note(line: Buffer): void {
    if (this.#end - (this.#starts.at(-1) ?? Number.NEGATIVE_INFINITY) >= BLOCK_BYTES) this.#starts.push(this.#end)
    this.#end += line.length
  }

  /** Writes the buffered lines. Only one call may run at a time. */
  async write(): Promise<void> {
    const lines = this.#buffered
    if (lines.length === 0) return
    this.#buffered = []
    await appendFile(this.path, Buffer.concat(lines))
    for (const line of lines) this.note(line)
  }

  /** Returns the written blocks, in the order in which they were added. */
  blocks(): StoredBlock[] {
    return this.#starts.map((start, index) => ({ path: this.path, start, end: this.#starts[index + 1] ?? this.#end }))
  }
}
