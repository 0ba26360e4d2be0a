/** Slots for keys: 16 MB. Half of them are used. */
const SLOTS = 2 ** 21
const KEYS_MAX = SLOTS / 2

const BACKSLASH = 0x5c

/**
 * Tells, in memory that does not grow, whether keys are surely all different. It keeps hashes of 64 bits of up to a
 * million keys, so it may be unsure of keys that are different, but is never sure where two are equal.
 */
export class SeenKeys {
  readonly #slots = new Uint32Array(2 * SLOTS)
  #count = 0
  #isSure = true

  /** Whether all keys so far are different from each other. */
  get areDistinct(): boolean {
    return this.#isSure
  }

  /** Takes the key that is `bytes[start, end)`, a JSON text. */
  add(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#isSure) return
    let low = 0x811c9dc5
    let high = 0x9747b28c
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number
      // The same text can be escaped in several ways.
      if (byte === BACKSLASH) {
        this.#isSure = false
        return
      }
      low = Math.imul(low ^ byte, 0x01000193)
      high = Math.imul(high ^ byte, 0x5bd1e995)
      high ^= high >>> 15
    }
    low ^= low >>> 16
    // A slot of two zeros is free.
    if (low === 0 && high === 0) low = 1
    this.#isSure = this.#count++ < KEYS_MAX && this.#isNew(low >>> 0, high >>> 0)
  }

  #isNew(low: number, high: number): boolean {
    const slots = this.#slots
    for (let slot = (low ^ (high << 7)) & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
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
