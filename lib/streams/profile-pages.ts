import { isFailure, MixloadError } from '../core/errors.ts'
import { PageCutter } from '../mixpanel/page-cutter.ts'
import type { ProfilePage } from '../mixpanel/page-records.ts'
import { numberOf } from './answer.ts'
import { requestsAtOnce } from './at-once.ts'
import { PageHistory, pageFault } from './page-faults.ts'
import { isLarger, largerPageSize, PAGE_SIZE } from './page-size.ts'
import type { StreamContext } from './stream.ts'

/** A profile query. */
export interface ProfileQuery {
  /** Its name in messages, such as `engage`. */
  readonly what: string
  /** The form's fields, without those of paging. */
  readonly form: Readonly<Record<string, string>>
  /** As a {@link PageCutter} takes it. */
  readonly insteadOfProperties?: string
  /** The expected number of profiles: until so many have come, a full page is not the last. */
  readonly atLeast?: number | undefined
  /** Whether larger pages are tried where they save many requests, unless the user gave a size. */
  readonly triesLarger?: boolean
}

/** The first page of a session, and the page size that was requested. */
interface FirstPage {
  readonly first: ProfilePage
  readonly size: number
}

/** Where profiles are queried. */
export const PROFILES_PATH = '/api/query/engage'

/** How often a page is requested that equals an earlier one. */
const REPEATED_PAGE_TRIES = 3

/**
 * The pages of a profile query, in order; the next ones are requested while one is read. The first
 * page has the session, the page size and the total; if it has no total, one page too many may be
 * requested. Reading ends at a page that is not full, or when all profiles have come; within the
 * total a page can be short because profiles were deleted. Lines are valid until the next page is
 * taken. @throws MixloadError SESSION_LOST if the session has expired: all pages must be read
 * again; BODY_UNREADABLE if pages contradict the request or one another.
 */
export async function* profilePages(
  context: StreamContext,
  query: ProfileQuery,
): AsyncGenerator<ProfilePage, void, undefined> {
  await using cutter = new PageCutter()
  const { first, size } = await firstPage(context, query, cutter)
  const history = new PageHistory()
  history.note(first, 0, totalOf(first))
  yield first
  const { pageSize, full, total, session, mayHaveEnded } = pagingOf(first, size)
  const lastKnown = total === undefined ? 0 : Math.ceil(total / pageSize) - 1
  warnOfLongReading(context, query.what, lastKnown + 1, pageSize)
  const enough = Math.max(total ?? Number.POSITIVE_INFINITY, query.atLeast ?? 0)
  const stop = new AbortController()
  const either = AbortSignal.any([context.signal, stop.signal])
  const ahead: Promise<ProfilePage>[] = []
  const requestAhead = (page: number) => {
    const request = requestPage(context, query, { session, page, size }, cutter, either)
    // It is awaited later; until then its failure must not count as unhandled.
    request.catch(() => {})
    ahead.push(request)
  }
  const aheadMax = requestsAtOnce(context.settings)
  try {
    let received = first.count
    let last = first
    let lastRequested = 0
    for (let page = 1; ; page++) {
      const isEnd = last.count === 0 || last.count < full || received >= enough
      if (page > lastKnown && isEnd) return
      while (lastRequested < lastKnown && ahead.length < aheadMax) requestAhead(++lastRequested)
      if (ahead.length === 0) requestAhead(++lastRequested)
      const mayBePastTheEnd = page > lastKnown && (total !== undefined || (mayHaveEnded && page === 1))
      let next = await pageBeforeEnd(ahead.shift() as Promise<ProfilePage>, mayBePastTheEnd)
      for (let tries = 1; next !== undefined; tries++) {
        const fault = history.note(next, page, total)
        if (fault === undefined) break
        const error = pageError(`page ${page} of ${query.what}`, fault)
        if (tries === REPEATED_PAGE_TRIES) throw error
        context.onProgress({ kind: 'retry', error, delayMs: 0 })
        next = await requestPage(context, query, { session, page, size }, cutter, either)
      }
      if (next === undefined) return
      last = next
      received += last.count
      yield last
      cutter.reuse(last)
    }
  } finally {
    stop.abort()
    await Promise.allSettled(ahead)
  }
}

/** How long Mixpanel keeps a session is undocumented, so reading for hours is risky. */
function warnOfLongReading({ settings, onProgress }: StreamContext, what: string, pages: number, size: number): void {
  const { queryRequestsPerHour: perHour } = settings
  if (perHour === 0 || pages <= perHour) return
  onProgress({
    kind: 'warning',
    message:
      `${what}: reading ${pages} pages of profiles at ${perHour} requests per hour takes about ` +
      `${Math.ceil(pages / perHour)} hours, and Mixpanel may end the session before that. Fewer, larger pages are faster: raise ` +
      `--engage-page-size (now ${size}), as far as Mixpanel allows.`,
  })
}

/** The page; undefined if it may be past the end and Mixpanel refuses it. */
async function pageBeforeEnd(page: Promise<ProfilePage>, mayBePastTheEnd: boolean): Promise<ProfilePage | undefined> {
  try {
    return await page
  } catch (error) {
    if (mayBePastTheEnd && isFailure(error, 'SESSION_LOST')) return undefined
    throw error
  }
}

/** What the first page says of the pages. */
function pagingOf(first: ProfilePage, requestedSize: number) {
  const { session_id, page_size } = first.envelope
  const total = totalOf(first)
  const statedSize = numberOf(page_size) ?? 0
  const isStated = statedSize > 0
  // A server that limits the size may not say so, or may repeat the requested size. If there may
  // be more profiles, what the first page has is a full page.
  const mayHaveMore = first.count > 0 && (total === undefined ? !isStated : total > first.count)
  const actualSize = mayHaveMore ? first.count : requestedSize
  const pageSize = isStated ? statedSize : actualSize
  return {
    session: session_id === undefined || session_id === null ? {} : { session_id: String(session_id) },
    pageSize,
    // A page with fewer profiles is the last one, unless the total says otherwise.
    full: Math.min(pageSize, actualSize),
    total,
    // Mixpanel does not say whether the first page is the last one.
    mayHaveEnded: !isStated && total === undefined && first.count < requestedSize,
  }
}

/** Failures that a size may cause. */
const SIZE_REFUSED = ['REQUEST_REFUSED', 'NOT_FOUND', 'QUERY_TIMEOUT', 'ANSWER_TOO_LARGE', 'BODY_TRUNCATED'] as const

/** The first page, of a larger size where that is granted. To try one costs a request. */
async function firstPage(context: StreamContext, query: ProfileQuery, cutter: PageCutter): Promise<FirstPage> {
  const { engagePageSize } = context.settings
  const size = engagePageSize ?? PAGE_SIZE
  const first = await requestPage(context, query, { session: {}, page: 0, size }, cutter)
  const larger = query.triesLarger && engagePageSize === undefined ? largerPageSize(first, totalOf(first)) : undefined
  if (larger === undefined) return { first, size }
  try {
    const tried = await requestPage(context, query, { session: {}, page: 0, size: larger }, cutter)
    return isLarger(tried) ? { first: tried, size: larger } : { first, size }
  } catch (error) {
    if (!isFailure(error, ...SIZE_REFUSED)) throw error
    return { first, size }
  }
}

/** Which page of which session is requested. */
interface PageOfSession {
  readonly session: Readonly<Record<string, string>>
  readonly page: number
  readonly size: number
}

async function requestPage(
  { ask }: StreamContext,
  { form, what, insteadOfProperties }: ProfileQuery,
  { session, page, size }: PageOfSession,
  cutter: PageCutter,
  signal?: AbortSignal,
): Promise<ProfilePage> {
  const later = page === 0 ? {} : { ...session, page: String(page) }
  const paging = { page_size: String(size), ...later }
  const request = { family: 'app', path: PROFILES_PATH, query: {}, form: { ...form, ...paging } } as const
  const options = { what: `page ${page} of ${what}`, insteadOfProperties }
  const read = async (body: Buffer) => {
    const came = await cutter.cut(body, options)
    const fault = pageFault(came, page, form.filter_by_cohort === undefined)
    if (fault !== undefined) throw pageError(options.what, fault)
    return came
  }
  try {
    return await ask(request, read, signal)
  } catch (error) {
    if (page === 0 || !isFailure(error, 'REQUEST_REFUSED', 'NOT_FOUND')) throw error
    // The first page of the same query succeeded, so the session must be the cause.
    const message = `Mixpanel refused ${options.what}, although it accepted the first page. ${error.message}`
    throw new MixloadError('SESSION_LOST', message, { cause: error })
  }
}

function pageError(what: string, fault: string): MixloadError {
  return new MixloadError(
    'BODY_UNREADABLE',
    `The response for ${what} cannot be right: ${fault}. Nothing is loaded from these pages; run again later.`,
  )
}

/** How many profiles the query has, by its first page; undefined if the page does not say. */
export function totalOf({ envelope }: ProfilePage): number | undefined {
  const total = numberOf(envelope.total)
  return total !== undefined && total >= 0 ? total : undefined
}
