import { BACKSLASH } from '../scan/json-bytes.ts'

/** Numbers of slots, of 8 bytes each; at most half of them are used. */
const SLOTS_MIN = 2 ** 17
const SLOTS_MAX = 2 ** 21
const GROWTH = 4

/**
 * Checks in bounded memory, by 64-bit hashes of up to a million keys, whether keys are distinct. It
 * may be uncertain of distinct keys, but is never certain if two are equal.
 */
export class SeenKeys {
  #slots = new Uint32Array(2 * SLOTS_MIN)
  #count = 0
  #isSure = true

  /** Whether all keys so far are different from each other. */
  get areDistinct(): boolean {
    return this.#isSure
  }

  /** Adds the key `bytes[start, end)`, a JSON text. */
  add(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#isSure) return
    let low = 0x811c9dc5
    let high = 0x9747b28c
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number
      // The same text can have several escaped forms.
      if (byte === BACKSLASH) {
        this.#isSure = false
        return
      }
      low = Math.imul(low ^ byte, 0x01000193)
      high = Math.imul(high ^ byte, 0x5bd1e995)
      high ^= high >>> 15
    }
    low ^= low >>> 16
    // Two zeros mark a free slot.
    if (low === 0 && high === 0) low = 1
    this.#isSure = this.#hasRoom() && this.#isNew(low >>> 0, high >>> 0)
  }

  /** Makes room for one more key; false if that is not possible. */
  #hasRoom(): boolean {
    const slots = this.#slots
    if (++this.#count <= slots.length / 4) return true
    if (slots.length >= 2 * SLOTS_MAX) return false
    this.#slots = new Uint32Array(slots.length * GROWTH)
    for (let at = 0; at < slots.length; at += 2) {
      const [low, high] = [slots[at] as number, slots[at + 1] as number]
      if (low !== 0 || high !== 0) this.#isNew(low, high)
    }
    return true
  }

  #isNew(low: number, high: number): boolean {
    const slots = this.#slots
    const last = slots.length / 2 - 1
    for (let slot = (low ^ (high << 7)) & last; ; slot = (slot + 1) & last) {
      const at = 2 * slot
      if (slots[at] === 0 && slots[at + 1] === 0) {
        slots[at] = low
        slots[at + 1] = high
        return true
      }
      if (slots[at] === low && slots[at + 1] === high) return false
    }
  }
}
