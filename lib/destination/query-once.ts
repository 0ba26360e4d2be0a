import type { DestinationReader, TakeRows } from './contract.ts'

/**
 * Runs a query and passes its rows on. An error before the first rows is thrown, so that the query
 * may be retried. A later one is returned: rows that were passed on cannot be taken back.
 * `failureOf` explains an error of the driver; what `take` throws is returned as it is.
 */
export async function queryOnce(
  reader: DestinationReader,
  sql: string,
  take: TakeRows,
  signal: AbortSignal,
  failureOf: (error: unknown) => unknown,
): Promise<{ readonly rows: number } | { readonly error: unknown }> {
  let isBegun = false
  let refusal: { readonly error: unknown } | undefined
  const taking: TakeRows = async (rows) => {
    isBegun = true
    try {
      await take(rows)
    } catch (error) {
      refusal = { error }
      throw error
    }
  }
  try {
    return { rows: (await reader.query?.(sql, taking, signal)) ?? 0 }
  } catch (error) {
    if (!isBegun) throw error
    return refusal ?? { error: failureOf(error) }
  }
}
