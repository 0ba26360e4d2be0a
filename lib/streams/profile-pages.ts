import { isFailure, MixloadError } from '../core/errors.ts'
import { PageCutter } from '../mixpanel/page-cutter.ts'
import type { ProfilePage } from '../mixpanel/page-records.ts'
import { numberOf } from './answer.ts'
import type { StreamContext } from './stream.ts'

/** What to ask the profile query for. */
export interface ProfileQuery {
  /** How messages call it, such as `engage`. */
  readonly what: string
  /** The form's fields, but for those of paging. */
  readonly form: Readonly<Record<string, string>>
  /** As a {@link PageCutter} takes it. */
  readonly insteadOfProperties?: string
  /**
   * Profiles that are there by another count: a full page is not the last one before so many have
   * come.
   */
  readonly atLeast?: number
}

/** Pages that are asked for at once where the number of requests at once has no limit. */
const AHEAD = 5

/**
 * The pages of a profile query, in order; up to as many as may be asked for at once come ahead, so
 * that a page is read while the next ones are on their way. The first page tells the session, the
 * size of pages and how many profiles there are in all; later ones may lack that. Where the first
 * one lacks it, too, one more is asked for than seems to be needed. The end is a page that is not
 * full, or that brings as many profiles as there are; a page can also be short because profiles
 * went meanwhile, and then the others are asked for all the same. The lines of a page are good
 * until the next one is taken.
 *
 * @throws MixloadError SESSION_LOST where Mixpanel no longer knows the session: all must be read
 *   anew.
 */
export async function* profilePages(
  context: StreamContext,
  query: ProfileQuery,
  signal: AbortSignal,
): AsyncGenerator<ProfilePage, void, undefined> {
  await using cutter = new PageCutter()
  const first = await askPage(context, query, {}, 0, cutter, signal)
  yield first
  const paging = pagingOf(first, context.settings.engagePageSize)
  const { pageSize, full, total, session, mayHaveEnded } = paging
  const lastKnown = total === undefined ? 0 : Math.ceil(total / pageSize) - 1
  warnOfLongReading(context, query.what, lastKnown + 1)
  const enough = Math.max(total ?? Number.POSITIVE_INFINITY, query.atLeast ?? 0)
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const ahead: Promise<ProfilePage>[] = []
  const askAhead = (page: number) => {
    const asked = askPage(context, query, session, page, cutter, either)
    // It is awaited when its turn comes; until then its failure must not count as unhandled.
    asked.catch(() => {})
    ahead.push(asked)
  }
  const aheadMax = context.settings.queryRequestsAtOnce || AHEAD
  try {
    let received = first.count
    let last = first
    let asked = 0
    for (let page = 1; ; page++) {
      const isEnd = last.count === 0 || last.count < full || received >= enough
      if (page > lastKnown && isEnd) return
      while (asked < lastKnown && ahead.length < aheadMax) askAhead(++asked)
      if (ahead.length === 0) askAhead(++asked)
      const mayBePastTheEnd = page > lastKnown && (total !== undefined || (mayHaveEnded && page === 1))
      const next = await inTime(ahead.shift() as Promise<ProfilePage>, mayBePastTheEnd)
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

/** How long Mixpanel keeps a session is not known; the fewer hours it takes to read, the better. */
function warnOfLongReading({ settings, onProgress }: StreamContext, what: string, pages: number): void {
  const { queryRequestsPerHour: perHour, engagePageSize } = settings
  if (perHour === 0 || pages <= perHour) return
  onProgress({
    kind: 'warning',
    message:
      `${what}: there are ${pages} pages of profiles, and ${perHour} requests an hour may be sent: it takes about ` +
      `${Math.ceil(pages / perHour)} hours, and Mixpanel may forget the session before. With more profiles a page than ` +
      `--engage-page-size ${engagePageSize} it takes fewer requests, as far as Mixpanel gives more.`,
  })
}

/**
 * A page that may be past the last one is none where Mixpanel refuses it; where it counts, the
 * number tells of missing rows.
 */
async function inTime(asked: Promise<ProfilePage>, mayBePastTheEnd: boolean): Promise<ProfilePage | undefined> {
  try {
    return await asked
  } catch (error) {
    if (mayBePastTheEnd && isFailure(error, 'SESSION_LOST')) return undefined
    throw error
  }
}

interface Paging {
  readonly session: Readonly<Record<string, string>>
  readonly pageSize: number
  /** A page of fewer is the last one, if nothing says that there are more. */
  readonly full: number
  /** Nothing tells whether the first page is the last one. */
  readonly mayHaveEnded: boolean
  /** How many profiles there are; undefined where Mixpanel does not say. */
  readonly total: number | undefined
}

function pagingOf(first: ProfilePage, asked: number): Paging {
  const { session_id, page_size } = first.envelope
  const total = totalOf(first)
  const told = numberOf(page_size) ?? 0
  const isTold = told > 0
  // A server that caps the size need not say so, or may say what it was asked for: where there may
  // be more than it gave, what it gave is a full page.
  const mayHaveMore = first.count > 0 && (total === undefined ? !isTold : total > first.count)
  const given = mayHaveMore ? first.count : asked
  const pageSize = isTold ? told : given
  return {
    session: session_id === undefined || session_id === null ? {} : { session_id: String(session_id) },
    pageSize,
    full: Math.min(pageSize, given),
    total,
    mayHaveEnded: !isTold && total === undefined && first.count < asked,
  }
}

async function askPage(
  { ask, settings }: StreamContext,
  { form, what, insteadOfProperties }: ProfileQuery,
  session: Readonly<Record<string, string>>,
  page: number,
  cutter: PageCutter,
  signal: AbortSignal,
): Promise<ProfilePage> {
  const paging = {
    page_size: String(settings.engagePageSize),
    ...(page === 0 ? {} : { ...session, page: String(page) }),
  }
  const request = { family: 'app', path: '/api/query/engage', query: {}, form: { ...form, ...paging } } as const
  const options = {
    what: `Page ${page} of ${what}`,
    ...(insteadOfProperties === undefined ? {} : { insteadOfProperties }),
  }
  try {
    return await ask(request, (body) => cutter.cut(body, options), signal)
  } catch (error) {
    if (page === 0 || !isFailure(error, 'REQUEST_REFUSED', 'NOT_FOUND')) throw error
    // The same query was answered before, so what is wrong with it now is its session.
    throw new MixloadError('SESSION_LOST', `${options.what} is refused, unlike the first one. ${error.message}`, {
      cause: error,
    })
  }
}

/** How many profiles a query has, as its first page says; undefined where it does not. */
export function totalOf({ envelope }: ProfilePage): number | undefined {
  const total = numberOf(envelope.total)
  return total !== undefined && total >= 0 ? total : undefined
}
