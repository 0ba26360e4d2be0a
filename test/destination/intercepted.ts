import type { DestinationConnection, DestinationDriver, Load } from '../../lib/destination/contract.ts'

/** A call of a driver or of its connection. */
export type DriverCall =
  | { readonly name: 'write'; readonly load: Load }
  | { readonly name: Exclude<(typeof DRIVER_CALLS)[number], 'write'> }

/** The calls that can be intercepted. */
export const DRIVER_CALLS = [
  'connect',
  'readLedger',
  'readColumns',
  'createColumns',
  'write',
  'replaceViews',
  'query',
  'readComments',
  'writeComments',
] as const

/** Does something around a call; `work` is the call. */
export type Intercept = <T>(call: DriverCall, work: () => Promise<T>) => Promise<T>

/** The same driver, with something that happens around its calls and those of its connections. */
export function intercepted(driver: DestinationDriver, intercept: Intercept): DestinationDriver {
  return {
    capabilities: driver.capabilities,
    description: driver.description,
    pathInViews: (table) => driver.pathInViews(table),
    async connect(signal) {
      let connection: DestinationConnection | undefined
      try {
        const made = await intercept({ name: 'connect' }, async () => {
          connection = await driver.connect(signal)
          return connection
        })
        return interceptedConnection(made, intercept)
      } catch (error) {
        await connection?.close()
        throw error
      }
    },
    connectToRead: (signal) => driver.connectToRead(signal),
    explain: (error) => driver.explain?.(error),
    close: async () => driver.close?.(),
  }
}

function interceptedConnection(connection: DestinationConnection, intercept: Intercept): DestinationConnection {
  return {
    get isLost() {
      return connection.isLost
    },
    readLedger: (stream) => intercept({ name: 'readLedger' }, () => connection.readLedger(stream)),
    readColumns: (table) => intercept({ name: 'readColumns' }, () => connection.readColumns(table)),
    createColumns: (table, columns) =>
      intercept({ name: 'createColumns' }, () => connection.createColumns(table, columns)),
    write: (load, signal) => intercept({ name: 'write', load }, () => connection.write(load, signal)),
    ...(connection.writeAll === undefined
      ? {}
      : {
          // Seen as one call of `write` for each load, the last of which does the work.
          writeAll: async (loads, signal) => {
            const writeFrom = async (at: number): Promise<void> => {
              const load = loads[at]
              if (load === undefined) return connection.writeAll?.(loads, signal)
              return intercept({ name: 'write', load }, () => writeFrom(at + 1))
            }
            await writeFrom(0)
          },
        }),
    replaceViews: (views) => intercept({ name: 'replaceViews' }, async () => connection.replaceViews?.(views)),
    readComments: (names) =>
      intercept({ name: 'readComments' }, async () => (await connection.readComments?.(names)) ?? []),
    writeComments: (changes) => intercept({ name: 'writeComments' }, async () => connection.writeComments?.(changes)),
    ...(connection.query === undefined
      ? {}
      : {
          query: (sql, take, signal) =>
            intercept({ name: 'query' }, async () => connection.query?.(sql, take, signal) ?? 0),
        }),
    close: () => connection.close(),
  }
}
