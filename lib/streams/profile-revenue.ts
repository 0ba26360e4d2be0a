import { isFailure } from '../core/errors.ts'
import type { ProfilePage } from '../mixpanel/page-records.ts'
import { isObject, parseAnswer } from './answer.ts'
import { type ProfileQuery, profilePages, totalOf } from './profile-pages.ts'
import type { StreamContext } from './stream.ts'
import { RevenueTally } from './transactions.ts'

/** Revenue, summed from the profiles. */
export interface ProfileRevenue {
  readonly tally: RevenueTally
  /** How many profiles there are now. */
  readonly profiles: number
}

const PROPERTY = '$transactions'

const ALL: ProfileQuery = {
  what: 'the profiles, for revenue',
  form: { output_properties: JSON.stringify([PROPERTY]) },
}
const PAYERS: ProfileQuery = {
  what: 'the profiles that paid',
  form: { ...ALL.form, where: `defined(properties["${PROPERTY}"])` },
}

/**
 * Reads what the profiles paid. Most have paid nothing, so after the first page only payers are
 * requested. If Mixpanel refuses that, or leaves one out, all pages are read.
 */
export async function profileRevenue(context: StreamContext): Promise<ProfileRevenue> {
  const pages = profilePages(context, ALL)
  try {
    const tally = new RevenueTally(context.zone)
    const first = await pages.next()
    if (first.done) return { tally, profiles: 0 }
    let received = addPage(tally, first.value)
    const total = totalOf(first.value)
    if (total !== undefined && total > received) {
      const paid = await payersOnly(context, tally.payers)
      if (paid !== undefined) return reportUnread(context, { tally: paid, profiles: total })
    }
    for await (const page of pages) received += addPage(tally, page)
    return reportUnread(context, { tally, profiles: total ?? received })
  } finally {
    await pages.return()
  }
}

/** Revenue of the profiles that paid; undefined if Mixpanel refuses or omits a `known` one. */
async function payersOnly(context: StreamContext, known: ReadonlySet<string>): Promise<RevenueTally | undefined> {
  const tally = new RevenueTally(context.zone)
  try {
    for await (const page of profilePages(context, PAYERS)) addPage(tally, page)
  } catch (error) {
    if (!isFailure(error, 'REQUEST_REFUSED', 'QUERY_TIMEOUT')) throw error
    return undefined
  }
  return [...known].every((id) => tally.payers.has(id)) ? tally : undefined
}

/** Returns how many profiles the page has. */
function addPage(tally: RevenueTally, { lines, count }: ProfilePage): number {
  for (const line of lines.toString().split('\n')) {
    // Most profiles have none and need no parsing.
    if (!line.includes(`"${PROPERTY}"`)) continue
    const profile = parseAnswer(Buffer.from(line), 'A profile')
    if (!isObject(profile)) continue
    const { $distinct_id: id, $properties: properties } = profile
    if (typeof id === 'string' && isObject(properties)) tally.add(id, properties[PROPERTY])
  }
  return count
}

function reportUnread({ onProgress }: StreamContext, revenue: ProfileRevenue): ProfileRevenue {
  const { unread } = revenue.tally
  if (unread > 0) {
    onProgress({
      kind: 'warning',
      message: `${unread} transactions of profiles have no valid amount or time. They are not in any sum.`,
    })
  }
  return revenue
}
