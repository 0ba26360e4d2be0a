import { EVENT_LINES, type LineShape } from '../columns/table.ts'
import { KIND } from '../columns/value-kinds.ts'
import { widened } from './json-bytes.ts'

/** All property names of a run. Their numbers index the arrays of the scanner's inner loop. */
export class PropertyTable {
  readonly names: string[] = []
  /** Per property: the kinds of values that stay unchanged. A new property accepts at most null. */
  accepts = new Uint16Array(256)
  /** Per property: the last line that had it, to find duplicates. */
  lastLine = new Float64Array(256)
  /** Per property: the last slice in which its own value was written. */
  seenInSlice = new Float64Array(256)
  /** Per property: the property that followed last time. The scanner tries that first. */
  follower = new Int32Array(256)
  /** Per property: position and length of `"name":` in {@link keys}; 0 if JSON must escape it. */
  keyStart = new Int32Array(256)
  keyLength = new Int32Array(256)
  keys = Buffer.alloc(16_384)
  readonly shape: LineShape
  /** -1 if records have no such member. */
  readonly timeIndex: number
  readonly insertIdIndex: number
  readonly identityIndex: number
  readonly propertiesIndex: number

  readonly #indexOf = new Map<string, number>()
  #slots = new Int32Array(1024).fill(-1)
  #hashes = new Int32Array(256)
  #keysEnd = 0

  constructor(shape: LineShape = EVENT_LINES) {
    this.shape = shape
    this.timeIndex = shape.isTimed ? this.indexOfName('time') : -1
    this.insertIdIndex = shape.isTimed ? this.indexOfName('$insert_id') : -1
    this.identityIndex = shape.identity === undefined ? -1 : this.indexOfName(shape.identity)
    this.propertiesIndex = this.indexOfName(shape.properties)
  }

  get size(): number {
    return this.names.length
  }

  /** The number of the property with these unescaped bytes. `hash` is their {@link hashOf}. */
  indexOfBytes(bytes: Buffer, start: number, end: number, hash: number): number {
    const mask = this.#slots.length - 1
    const length = end - start
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = this.#slots[slot] as number
      if (index < 0) return this.#add(bytes.toString('utf8', start, end))
      if (this.#hashes[index] !== hash || this.keyLength[index] !== length + KEY_FRAME) continue
      const key = (this.keyStart[index] as number) + 1
      let offset = 0
      while (offset < length && this.keys[key + offset] === bytes[start + offset]) offset++
      if (offset === length) return index
    }
  }

  indexOfName(name: string): number {
    return this.#indexOf.get(name) ?? this.#add(name)
  }

  #add(name: string): number {
    const index = this.names.push(name) - 1
    this.#indexOf.set(name, index)
    if (index === this.accepts.length) this.#growEntries()
    // The engine cannot read a line with a name that UTF-8 cannot encode, whatever the value.
    this.accepts[index] = name.isWellFormed() ? KIND.null : 0
    // A name that JSON must escape is never looked up by bytes, so it needs no slot.
    const quoted = JSON.stringify(name)
    const key = Buffer.from(`${quoted}:`)
    if (quoted.length === name.length + 2) {
      this.#storeKey(index, key)
      this.#hashes[index] = hashOf(key.subarray(1, -2))
      if (this.size * 2 > this.#slots.length) this.#growSlots()
      else this.#place(index)
    } else this.keyLength[index] = 0
    return index
  }

  #storeKey(index: number, key: Buffer): void {
    if (this.#keysEnd + key.length > this.keys.length) {
      const grown = Buffer.alloc(Math.max(this.keys.length * 2, this.#keysEnd + key.length))
      this.keys.copy(grown)
      this.keys = grown
    }
    key.copy(this.keys, this.#keysEnd)
    this.keyStart[index] = this.#keysEnd
    this.keyLength[index] = key.length
    this.#keysEnd += key.length
  }

  #place(index: number): void {
    const mask = this.#slots.length - 1
    let slot = (this.#hashes[index] as number) & mask
    while ((this.#slots[slot] as number) >= 0) slot = (slot + 1) & mask
    this.#slots[slot] = index
  }

  #growSlots(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1)
    for (let index = 0; index < this.size; index++) if ((this.keyLength[index] as number) > 0) this.#place(index)
  }

  #growEntries(): void {
    this.accepts = widened(this.accepts)
    this.lastLine = widened(this.lastLine)
    this.seenInSlice = widened(this.seenInSlice)
    this.#hashes = widened(this.#hashes)
    this.follower = widened(this.follower)
    this.keyStart = widened(this.keyStart)
    this.keyLength = widened(this.keyLength)
  }
}

/** The bytes of `"name":` beside the name. */
const KEY_FRAME = 3

/** The hash that the scanner computes while it reads a key. */
export function hashOf(bytes: Uint8Array): number {
  let hash = 0
  for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) | 0
  return hash
}
