import { z } from 'zod'
import { MixloadError } from '../../core/errors.ts'
import { parseJson } from '../../core/json.ts'
import { linesIn, readFileBytes, toLineBlocks } from './line-blocks.ts'

/** Items with an id, from tests and from files that have one item per line. */
export abstract class IdStore<Input, Item> {
  protected readonly items = new Map<number, Item>()
  readonly #schema: z.ZodType<Input>

  constructor(schema: z.ZodType<Input>) {
    this.#schema = schema
  }

  /** Adds an item, or replaces the one with the same id. */
  abstract set(input: Input): unknown

  get size(): number {
    return this.items.size
  }

  get(id: number): Item | undefined {
    return this.items.get(id)
  }

  /** Returns whether the item existed. */
  delete(id: number): boolean {
    return this.items.delete(id)
  }

  all(): readonly Item[] {
    return [...this.items.values()]
  }

  /**
   * Adds the items of a file, one JSON object per line, and returns their number.
   * @throws MixloadError CONFIG_INVALID naming a line that is not valid.
   */
  async loadFile(path: string): Promise<number> {
    let line = 0
    let loaded = 0
    for await (const block of toLineBlocks(readFileBytes(path))) {
      for (const [start, end] of linesIn(block)) {
        const text = block.toString('utf8', start, end)
        line++
        if (text.trim() === '') continue
        this.set(this.#parse(text, `${path}, line ${line}`))
        loaded++
      }
    }
    return loaded
  }

  #parse(text: string, place: string): Input {
    const json = parseJson(text)
    if (json === undefined) {
      throw new MixloadError('CONFIG_INVALID', `${place}: not valid JSON. Write one JSON object per line.`)
    }
    const parsed = this.#schema.safeParse(json)
    if (parsed.success) return parsed.data
    throw new MixloadError('CONFIG_INVALID', `${place}: ${z.prettifyError(parsed.error)}`)
  }
}
