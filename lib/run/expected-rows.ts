import type { ExpectedRows } from '../streams/stream.ts'

/** Mixpanel's own count beside what came. */
export interface ComparedRows extends ExpectedRows {
  readonly found: number
}

/** Why a slice is to be read anew: fewer rows came than Mixpanel counts. Undefined where there is no reason to. */
export function reasonToReadAnew(compared: readonly ComparedRows[]): string | undefined {
  const short = compared.filter(({ isReadAnew, found, count }) => isReadAnew && found < count)
  return short.length === 0 ? undefined : `Mixpanel counts more rows than came: ${listOf(short)}.`
}

/** What the user should know of the differences; undefined where there are none. */
export function differencesIn(compared: readonly ComparedRows[]): string | undefined {
  const different = compared.filter(({ isReadAnew, found, count }) => (isReadAnew ? found < count : found !== count))
  if (different.length === 0) return undefined
  return `Mixpanel's own count differs from the rows that came and are loaded: ${listOf(different)}. What changes while it is read can be counted otherwise; if it stays so, compare in Mixpanel.`
}

const SHOWN = 5

function listOf(compared: readonly ComparedRows[]): string {
  const shown = compared.slice(0, SHOWN).map(({ name, found, count }) => `${name}: ${count} counted, ${found} came`)
  const more = compared.length - shown.length
  return more === 0 ? shown.join('; ') : `${shown.join('; ')}; and ${more} more`
}
