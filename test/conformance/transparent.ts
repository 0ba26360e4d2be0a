import type { DestinationCapabilities, DestinationDriver } from '../../lib/destination/contract.ts'
import type { DestinationHarness, Run } from './harness.ts'

/** Another object that is the same driver. It may promise less. */
function transparent(inner: DestinationDriver, weaker: Partial<DestinationCapabilities>): DestinationDriver {
  return {
    capabilities: { ...inner.capabilities, ...weaker },
    description: inner.description,
    pathInViews: (table) => inner.pathInViews(table),
    connect: (signal) => inner.connect(signal),
    connectToRead: (signal) => inner.connectToRead(signal),
    explain: (error) => inner.explain?.(error),
    close: async () => inner.close?.(),
  }
}

/**
 * The same harness with the wrapper around each driver: the suite may rely on nothing but the
 * interface.
 */
export function transparentHarness(
  harness: DestinationHarness,
  weaker: Partial<DestinationCapabilities> = {},
): DestinationHarness {
  const promises = Object.entries(weaker).map(([name, value]) => `${name} ${value}`)
  const wrapped = ({ driver, engine }: Run): Run => ({ driver: transparent(driver, weaker), engine })
  return {
    ...harness,
    name: `${harness.name} through a wrapper${promises.length === 0 ? '' : ` with ${promises.join(', ')}`}`,
    create: async () => {
      const { reopen, ...store } = await harness.create()
      return {
        ...store,
        ...wrapped(store),
        ...(reopen === undefined ? {} : { reopen: async () => wrapped(await reopen()) }),
      }
    },
  }
}
