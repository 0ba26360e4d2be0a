import type { Destination } from './contract.ts'

/**
 * The same destination with its calls one after the other: each begins when all before it have ended, whatever came of
 * them. For destinations that have one connection. Closing takes its turn, too.
 */
export function inTurns(inner: Destination): Destination {
  let last: Promise<unknown> = Promise.resolve()
  const turn = <T>(work: () => PromiseLike<T>): Promise<T> => {
    const mine = last.then(work)
    last = mine.catch(() => {})
    return mine
  }
  return {
    supports: inner.supports,
    description: inner.description,
    open: (signal) => turn(() => inner.open(signal)),
    openToRead: (signal) => turn(() => inner.openToRead(signal)),
    columns: (table) => turn(() => inner.columns(table)),
    addColumns: (table, columns) => turn(() => inner.addColumns(table, columns)),
    ledger: (stream) => turn(() => inner.ledger(stream)),
    load: (relation, target, record, signal) => turn(() => inner.load(relation, target, record, signal)),
    pathInViews: (table) => inner.pathInViews(table),
    putViews: (views) => turn(() => inner.putViews(views)),
    query: (sql, take, signal) => turn(() => inner.query(sql, take, signal)),
    [Symbol.asyncDispose]: () => turn(() => inner[Symbol.asyncDispose]()),
  }
}
