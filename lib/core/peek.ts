/**
 * Reads the first items of a source, until they are enough or it ends. `all` has every item, also
 * the first ones; when it ends or is left, the source is closed.
 */
export async function peek<Item>(
  source: AsyncIterable<Item>,
  isEnough: (items: readonly Item[]) => boolean,
): Promise<{ readonly first: readonly Item[]; readonly all: AsyncGenerator<Item, void, undefined> }> {
  const iterator = source[Symbol.asyncIterator]()
  const first: Item[] = []
  while (!isEnough(first)) {
    const { done, value } = await iterator.next()
    if (done === true) break
    first.push(value)
  }
  const all = (async function* () {
    try {
      yield* first
      yield* { [Symbol.asyncIterator]: () => iterator }
    } finally {
      await iterator.return?.()
    }
  })()
  return { first, all }
}

/** How many bytes some blocks have together. */
export function byteCount(blocks: readonly Buffer[]): number {
  return blocks.reduce((sum, { length }) => sum + length, 0)
}
