/** The fields of a frame that are read; what is between them is skipped. */
type Field = 'magic' | 'descriptor' | 'block' | 'skippable-size'

const FIELD_BYTES: Readonly<Record<Field, number>> = { magic: 4, descriptor: 1, block: 3, 'skippable-size': 4 }
const MAGIC = 0xfd2fb528
/** The magic number of a frame to be skipped, without its last four bits. */
const SKIPPABLE_MAGIC = 0x184d2a5
const CHECKSUM_BYTES = 4
const RLE_BLOCK = 1

/**
 * Follows zstd frames (RFC 8878, section 3.1) as their bytes arrive, and knows whether the last one
 * is complete. Node 22 does not: it ends without an error where a frame is cut off.
 */
export class ZstdFrames {
  #field: Field = 'magic'
  readonly #bytes = Buffer.alloc(4)
  #length = 0
  /** Bytes to skip before the next field. */
  #skip = 0
  #hasChecksum = false
  #isUnknown = false

  /** False within a frame. True of other data, which the decompressor refuses. */
  get isComplete(): boolean {
    return this.#isUnknown || (this.#field === 'magic' && this.#length === 0 && this.#skip === 0)
  }

  push(block: Buffer): void {
    for (let at = 0; at < block.length && !this.#isUnknown; ) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, block.length - at)
        this.#skip -= skipped
        at += skipped
        continue
      }
      this.#bytes[this.#length++] = block[at++] ?? 0
      if (this.#length < FIELD_BYTES[this.#field]) continue
      this.#length = 0
      this.#field = this.#fieldAfter(this.#field)
    }
  }

  #fieldAfter(field: Field): Field {
    switch (field) {
      case 'magic':
        return this.#afterMagic(this.#bytes.readUInt32LE())
      case 'descriptor':
        this.#hasChecksum = (this.#bytes.readUInt8() & 4) !== 0
        this.#skip = headerBytesAfter(this.#bytes.readUInt8())
        return 'block'
      case 'block':
        return this.#afterBlock(this.#bytes.readUIntLE(0, 3))
      case 'skippable-size':
        this.#skip = this.#bytes.readUInt32LE()
        return 'magic'
    }
  }

  #afterMagic(magic: number): Field {
    if (magic === MAGIC) return 'descriptor'
    this.#isUnknown = magic >>> 4 !== SKIPPABLE_MAGIC
    return 'skippable-size'
  }

  #afterBlock(header: number): Field {
    const isLast = (header & 1) === 1
    const type = (header >> 1) & 3
    this.#skip = type === RLE_BLOCK ? 1 : header >> 3
    if (!isLast) return 'block'
    if (this.#hasChecksum) this.#skip += CHECKSUM_BYTES
    return 'magic'
  }
}

/** Bytes of a frame's header after its descriptor: window, dictionary and size of the content. */
function headerBytesAfter(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0
  const windowBytes = isSingleSegment ? 0 : 1
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  return windowBytes + dictionaryBytes + sizeBytes
}
