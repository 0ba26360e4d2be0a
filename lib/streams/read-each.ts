import { isFailure } from '../core/errors.ts'
import { UnknownForm } from './answer.ts'
import type { LeftOutItem, LineBatch, StreamContext } from './stream.ts'

/**
 * Reads the items of a list, such as funnels. One that Mixpanel refuses, or that has an unknown
 * form, is skipped: it may be deleted or broken. If that is true of all, something else is wrong,
 * so nothing is replaced.
 */
export async function* readEach<Item extends Omit<LeftOutItem, 'error'>>(
  { leaveOut }: StreamContext,
  items: readonly Item[],
  read: (item: Item) => AsyncIterable<LineBatch>,
): AsyncGenerator<LineBatch, void, undefined> {
  let refused = 0
  for (const item of items) {
    try {
      yield* read(item)
    } catch (error) {
      const isOfItem = isFailure(error, 'NOT_FOUND', 'REQUEST_REFUSED') || error instanceof UnknownForm
      if (!isOfItem || ++refused === items.length) throw error
      leaveOut({ name: item.name, id: item.id, error })
    }
  }
}
