import type { Destination, DestinationSupports } from '../../lib/destination/contract.ts'
import type { DestinationHarness } from './harness.ts'

/** Another object that is the same destination. It may promise less. */
export function transparent(inner: Destination, weaker: Partial<DestinationSupports> = {}): Destination {
  return {
    supports: { ...inner.supports, ...weaker },
    description: inner.description,
    open: (signal) => inner.open(signal),
    openToRead: (signal) => inner.openToRead(signal),
    columns: (table) => inner.columns(table),
    addColumns: (table, columns) => inner.addColumns(table, columns),
    ledger: (stream) => inner.ledger(stream),
    load: (relation, target, record, signal) => inner.load(relation, target, record, signal),
    pathInViews: (table) => inner.pathInViews(table),
    putViews: (views) => inner.putViews(views),
    query: (sql, take, signal) => inner.query(sql, take, signal),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  }
}

/** The same harness with the wrapper around each destination: the suite may lean on nothing but the interface. */
export function transparentHarness(
  harness: DestinationHarness,
  weaker: Partial<DestinationSupports> = {},
): DestinationHarness {
  const promises = Object.entries(weaker).map(([name, value]) => `${name} ${value}`)
  return {
    ...harness,
    name: `${harness.name} through a wrapper${promises.length === 0 ? '' : ` with ${promises.join(', ')}`}`,
    create: async () => {
      const { reopen, ...store } = await harness.create()
      return {
        ...store,
        destination: transparent(store.destination, weaker),
        ...(reopen === undefined ? {} : { reopen: async () => transparent(await reopen(), weaker) }),
      }
    },
  }
}
