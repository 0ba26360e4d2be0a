import { isObject, parseJson } from '../../core/json.ts'
import { parseLossless } from '../../core/lossless-json.ts'
import { linesIn, readFileBytes, toLineBlocks, toLineBytes } from './line-blocks.ts'

/** The properties of a profile by name. */
export type ProfileProperties = Readonly<Record<string, unknown>>

/**
 * The profiles of users, or of the groups of one group key, in the order in which they were added.
 * Each profile is stored as its JSON in an Engage response, so that all digits of numbers are kept.
 */
export class ProfileStore {
  readonly #lines = new Map<string, Buffer>()
  #rejected = 0

  get size(): number {
    return this.#lines.size
  }

  /** The number of lines of {@link load} and {@link loadFile} that were not valid profiles. */
  get rejected(): number {
    return this.#rejected
  }

  /** Replaces all properties of a profile. A text is their JSON. Throws a SyntaxError. */
  set(distinctId: string, properties: ProfileProperties | string): void {
    const text = typeof properties === 'string' ? properties : JSON.stringify(properties)
    if (!isObject(JSON.parse(text))) throw new SyntaxError('The properties of a profile must be a JSON object.')
    this.#lines.set(distinctId, Buffer.from(`{"$distinct_id":${JSON.stringify(distinctId)},"$properties":${text}}`))
  }

  /** Returns a copy of a profile's properties; undefined if it does not exist. */
  get(distinctId: string): ProfileProperties | undefined {
    const line = this.#lines.get(distinctId)
    return line === undefined ? undefined : (JSON.parse(line.toString()) as ProfileLine).$properties
  }

  /**
   * Changes a profile. `change` gets its properties and returns new ones; undefined means that
   * there is no profile. Numbers keep all their digits, as with `parseLossless`.
   */
  update(
    distinctId: string,
    change: (properties: ProfileProperties | undefined) => ProfileProperties | undefined,
  ): void {
    const line = this.#lines.get(distinctId)
    const before = line === undefined ? undefined : (parseLossless(line.toString()) as ProfileLine).$properties
    const after = change(before)
    if (after === undefined) this.#lines.delete(distinctId)
    else this.set(distinctId, after)
  }

  /** Merges the profile of one id into the profile of another, whose own properties win. */
  merge(from: string, to: string): void {
    if (!this.#lines.has(from)) return
    this.update(from, (merged) => {
      this.update(to, (properties) => ({ ...merged, ...properties }))
      return undefined
    })
  }

  has(distinctId: string): boolean {
    return this.#lines.has(distinctId)
  }

  /** Returns whether the profile existed. */
  delete(distinctId: string): boolean {
    return this.#lines.delete(distinctId)
  }

  clear(): void {
    this.#lines.clear()
  }

  /** The ids, in the order in which they were added. */
  ids(): IterableIterator<string> {
    return this.#lines.keys()
  }

  /** Returns a profile as in an Engage response. */
  line(distinctId: string): Buffer | undefined {
    return this.#lines.get(distinctId)
  }

  /** Adds profiles, `{"$distinct_id":…,"$properties":{…}}`, and returns their number. */
  load(profiles: Iterable<string | object> | AsyncIterable<string | object>): Promise<number> {
    return this.#loadBlocks(toLineBytes(profiles))
  }

  /** Adds the profiles of a file, one per line, and returns their number. `.gz` is decompressed. */
  loadFile(path: string): Promise<number> {
    return this.#loadBlocks(toLineBlocks(readFileBytes(path)))
  }

  async #loadBlocks(blocks: AsyncIterable<Buffer>): Promise<number> {
    let stored = 0
    for await (const block of blocks) {
      for (const line of linesIn(block)) {
        const text = line.toString()
        const distinctId = distinctIdOf(text)
        if (distinctId !== undefined) {
          // Part of the block instead of a copy, because nearly all of the block is in use.
          this.#lines.set(distinctId, line.subarray(0, -1))
          stored++
        } else if (text.trim() !== '') this.#rejected++
      }
    }
    return stored
  }
}

interface ProfileLine {
  readonly $distinct_id: string | number
  readonly $properties: ProfileProperties
}

/** Returns the id of a profile as text; undefined if the line is not a valid profile. */
function distinctIdOf(text: string): string | undefined {
  const value = parseJson(text)
  if (!isObject(value) || !isObject(value.$properties)) return undefined
  const { $distinct_id } = value
  return typeof $distinct_id === 'string' || typeof $distinct_id === 'number' ? String($distinct_id) : undefined
}
