import { parseLossless } from '../../core/lossless-json.ts'
import { fileBytes, lineBytes, wholeLines } from './whole-lines.ts'

const NEWLINE = 0x0a

/** Properties of a profile by name. */
export type ProfileProperties = Readonly<Record<string, unknown>>

/**
 * The profiles of one kind, users or those of one group key, in the order of their first setting. A profile is kept as
 * the line that the Engage answer has for it, so that digits and spelling stay as they were given.
 */
export class ProfileStore {
  readonly #lines = new Map<string, Buffer>()
  #refused = 0

  /** How many there are. */
  get size(): number {
    return this.#lines.size
  }

  /** Lines of {@link load} and {@link loadFile} that were no profiles. */
  get refused(): number {
    return this.#refused
  }

  /** Replaces all of a profile's properties. A text is taken as their JSON, digits and all; throws a SyntaxError. */
  set(distinctId: string, properties: ProfileProperties | string): void {
    const text = typeof properties === 'string' ? properties : JSON.stringify(properties)
    if (!isObject(JSON.parse(text))) throw new SyntaxError('the properties of a profile are a JSON object')
    this.#lines.set(distinctId, Buffer.from(`{"$distinct_id":${JSON.stringify(distinctId)},"$properties":${text}}`))
  }

  /** A copy of a profile's properties; undefined where there is none. Numbers are JavaScript's. */
  get(distinctId: string): ProfileProperties | undefined {
    const line = this.#lines.get(distinctId)
    return line === undefined ? undefined : (JSON.parse(line.toString()) as ProfileLine).$properties
  }

  /**
   * Changes a profile by a function of its properties, which are undefined where there is no profile, and should be so
   * afterwards where there is to be none. Numbers keep their digits, as with `parseLossless`.
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

  /** Makes the profile of one id part of that of another, whose own properties count more. */
  join(from: string, to: string): void {
    if (!this.#lines.has(from)) return
    let joined: ProfileProperties | undefined
    this.update(from, (properties) => {
      joined = properties
      return undefined
    })
    this.update(to, (properties) => ({ ...joined, ...properties }))
  }

  has(distinctId: string): boolean {
    return this.#lines.has(distinctId)
  }

  /** Whether there was such a profile. */
  delete(distinctId: string): boolean {
    return this.#lines.delete(distinctId)
  }

  clear(): void {
    this.#lines.clear()
  }

  /** The ids, in the order in which they were first set. */
  ids(): IterableIterator<string> {
    return this.#lines.keys()
  }

  /** The profile as a line of an Engage answer, without line end. */
  line(distinctId: string): Buffer | undefined {
    return this.#lines.get(distinctId)
  }

  /** Stores profiles given as `{"$distinct_id":…,"$properties":{…}}`, texts or objects, and gives their number. */
  load(profiles: Iterable<string | object> | AsyncIterable<string | object>): Promise<number> {
    return this.#loadBlocks(wholeLines(lineBytes(profiles)))
  }

  /** As {@link load}, from a file with a profile a line; `.gz` is unpacked. */
  loadFile(path: string): Promise<number> {
    return this.#loadBlocks(wholeLines(fileBytes(path)))
  }

  async #loadBlocks(blocks: AsyncIterable<Buffer>): Promise<number> {
    let stored = 0
    for await (const block of blocks) {
      for (let start = 0; start < block.length; ) {
        const end = block.indexOf(NEWLINE, start)
        const text = block.toString('utf8', start, end)
        const distinctId = distinctIdOf(text)
        if (distinctId !== undefined) {
          // A part of the block: its lines are nearly all that is in it, so this keeps no more than it has to.
          this.#lines.set(distinctId, block.subarray(start, end))
          stored++
        } else if (text.trim() !== '') this.#refused++
        start = end + 1
      }
    }
    return stored
  }
}

interface ProfileLine {
  readonly $distinct_id: string | number
  readonly $properties: ProfileProperties
}

/** The id of a line, as text even where it is a number; undefined where the line is no profile. */
function distinctIdOf(text: string): string | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || !isObject(value.$properties)) return undefined
  const { $distinct_id } = value
  return typeof $distinct_id === 'string' || typeof $distinct_id === 'number' ? String($distinct_id) : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
