import type { ProfilePage } from '../mixpanel/page-records.ts'
import { numberOf } from './answer.ts'

/** How many profiles a page has if the user does not say. */
export const PAGE_SIZE = 1000

/** The largest size that is tried. */
const SIZE_MAX = 10_000
/** The bytes of a page that is tried: some pages are in memory at once. */
const PAGE_BYTES = 8_000_000
/** With fewer pages than this, a larger size saves little. */
const PAGES_MIN = 10

/**
 * The page size to try instead of {@link PAGE_SIZE}, by the first page and the number of profiles;
 * undefined if larger pages would not save many requests, or would need much memory.
 */
export function largerPageSize(first: ProfilePage, total: number | undefined): number | undefined {
  if (total === undefined || total <= PAGES_MIN * PAGE_SIZE || first.count === 0) return undefined
  const size = Math.min(SIZE_MAX, Math.floor((PAGE_BYTES * first.count) / first.lines.length / PAGE_SIZE) * PAGE_SIZE)
  return size > PAGE_SIZE ? size : undefined
}

/** Whether the first page shows that the server grants more than {@link PAGE_SIZE}. */
export function isLarger({ count, envelope }: ProfilePage): boolean {
  const stated = numberOf(envelope.page_size)
  return count > PAGE_SIZE && (stated === undefined || stated > PAGE_SIZE)
}
