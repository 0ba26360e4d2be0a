import { createHash } from 'node:crypto'
import type { ProfilePage } from '../mixpanel/page-records.ts'
import { isOk, numberOf } from './answer.ts'

/** More profiles than any project has: a larger total is a mistake, and would be read for ever. */
const PROFILES_MAX = 1e10

/** So many pages in a row have no profile only if the total is wrong. */
const EMPTY_PAGES_MAX = 20

/**
 * Why a page cannot be the requested one, in words; undefined if it may be. `countsAll`: whether
 * the total counts every profile. For cohorts it may not count members without a profile.
 */
export function pageFault(
  { envelope, count }: Pick<ProfilePage, 'envelope' | 'count'>,
  requested: number,
  countsAll: boolean,
): string | undefined {
  const { page, status, total } = envelope
  if (!isOk(status)) return `its status is ${JSON.stringify(status)}`
  const number = numberOf(page)
  if (number !== undefined && number !== requested) return `it says that it is page ${number}`
  const most = numberOf(total)
  if (most !== undefined && most > PROFILES_MAX) return `it counts ${most} profiles, more than any project has`
  return countsAll && requested === 0 && most !== undefined && most >= 0 && count > most * 2
    ? `it has ${count} profiles, but counts only ${most}`
    : undefined
}

/** The pages of one session, as they come in their order. */
export class PageHistory {
  readonly #pages = new Map<string, number>()
  #empty = 0
  #profiles = 0

  /** Notes a page. Returns what is wrong with the sequence; then the page is not noted. */
  note(
    { lines, count }: Pick<ProfilePage, 'lines' | 'count'>,
    page: number,
    total: number | undefined,
  ): string | undefined {
    const digest = createHash('sha256').update(lines).digest('base64')
    const before = count === 0 ? undefined : this.#pages.get(digest)
    if (before !== undefined) return `it is the same as page ${before}`
    if (count === 0 && this.#empty === EMPTY_PAGES_MAX)
      return `${EMPTY_PAGES_MAX} pages in a row are empty, although Mixpanel counts ${total} profiles`
    this.#pages.set(digest, page)
    this.#empty = count === 0 ? this.#empty + 1 : 0
    this.#profiles += count
    if (this.#profiles > PROFILES_MAX) return `more than ${PROFILES_MAX} profiles came`
    return undefined
  }
}
