import type { SpooledSlice } from '../extract/slice-source.ts'
import type { AnySlice } from '../slices.ts'

/** Slices in a group. */
const GROUP_SLICES_MAX = 100

/**
 * Extracts slices one after the other while others are loaded, and hands over those that are ready,
 * in their order. Small slices that have become ready during a load are handed over as a group. A
 * slice never waits for another one.
 */
export class ReadySlices<S extends AnySlice> {
  readonly #next: () => Promise<SpooledSlice<S> | undefined>
  readonly #groupMax: number
  readonly #bytesMax: number
  readonly #ready: SpooledSlice<S>[] = []
  #waitingBytes = 0
  #extracting: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  /**
   * @param next extracts the next slice; undefined if there is none. It may be called again then.
   * @param takesGroups whether several slices may be handed over at once.
   * @param bytesMax of spooled lines that wait to be loaded before no further slice is extracted.
   */
  constructor(next: () => Promise<SpooledSlice<S> | undefined>, takesGroups: boolean, bytesMax: number) {
    this.#next = next
    this.#bytesMax = bytesMax
    this.#groupMax = takesGroups ? GROUP_SLICES_MAX : 1
  }

  /**
   * The slices to load next; none if there are no more. While they are loaded, others are
   * extracted. @throws what the extraction has thrown, once all slices before that are handed over.
   */
  async take(): Promise<readonly SpooledSlice<S>[]> {
    this.#extract()
    while (this.#ready.length === 0 && this.#extracting !== undefined) await this.#extracting
    const group = this.#ready.splice(0, this.#groupMax)
    if (group.length === 0 && this.#failure !== undefined) throw this.#failure.error
    for (const slice of group) this.#waitingBytes -= this.#bytesOf(slice)
    this.#extract()
    return group
  }

  /** Extracts no further slice. Resolves when nothing is written to the spool any more. */
  async stop(): Promise<void> {
    this.#failure ??= { error: new TypeError('The extraction was stopped.') }
    await this.#extracting
  }

  #extract(): void {
    const limit = this.#groupMax === 1 ? 1 : this.#bytesMax
    if (this.#extracting !== undefined || this.#failure !== undefined || this.#waitingBytes >= limit) return
    this.#extracting = this.#next().then(
      (slice) => {
        this.#extracting = undefined
        if (slice === undefined) return
        this.#ready.push(slice)
        this.#waitingBytes += this.#bytesOf(slice)
        this.#extract()
      },
      (error: unknown) => {
        this.#extracting = undefined
        this.#failure ??= { error }
      },
    )
  }

  /** Slices without lines count as well, so that no more of them wait than fit in a group. */
  #bytesOf({ tables }: SpooledSlice): number {
    const chunks = tables.flatMap(({ lines, rejects }) => [...lines, ...rejects])
    return chunks.reduce((sum, { bytes }) => sum + bytes, this.#bytesMax / GROUP_SLICES_MAX)
  }
}
