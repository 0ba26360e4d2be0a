import { isFailure } from '../core/errors.ts'
import type { LineBatch, StreamContext } from './stream.ts'

/**
 * Reads the items of a list, such as funnels. An item that Mixpanel refuses, as it may be deleted
 * or broken, is skipped. If all are refused, something else is wrong, so nothing is replaced.
 */
export async function* readEach<Item extends { readonly name: string }>(
  { onProgress }: StreamContext,
  stream: string,
  items: readonly Item[],
  read: (item: Item) => AsyncIterable<LineBatch>,
): AsyncGenerator<LineBatch, void, undefined> {
  let refused = 0
  for (const item of items) {
    try {
      yield* read(item)
    } catch (error) {
      if (!isFailure(error, 'NOT_FOUND', 'REQUEST_REFUSED') || ++refused === items.length) throw error
      onProgress({ kind: 'item-skipped', stream, name: item.name, error })
    }
  }
}
