import type { Settings } from '../settings.ts'

/** How many requests are made at once if there is no limit on concurrent requests. */
const UNLIMITED = 5

/** How many requests of the query API a stream makes at once. */
export function requestsAtOnce({ queryRequestsAtOnce }: Pick<Settings, 'queryRequestsAtOnce'>): number {
  return queryRequestsAtOnce || UNLIMITED
}
