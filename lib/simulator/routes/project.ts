import type { SimulatorCredentials } from '../http/auth.ts'
import type { LimitExceeded, RateLimiter } from '../http/rate-limits.ts'
import { type RateLimitCounts, type Reply, rateLimited, type SimulatorContext } from '../http/reply.ts'
import type { AnnotationStore } from '../stores/annotation-store.ts'
import type { ProjectClock } from '../stores/clock.ts'
import type { CohortStore } from '../stores/cohort-store.ts'
import type { EngageQueryOptions, EngageSessions } from '../stores/engage-sessions.ts'
import type { EventStore } from '../stores/event-store.ts'
import type { FunnelStore } from '../stores/funnel-store.ts'
import type { Identity } from '../stores/identity.ts'
import type { LexiconEntry } from '../stores/lexicon.ts'
import type { PricingPlan } from '../stores/pricing-plan.ts'
import type { ProfileStore } from '../stores/profile-store.ts'
import type { RevenueStore } from '../stores/revenue-store.ts'

/** The simulated project. */
export interface Project {
  readonly name: string
  readonly credentials: SimulatorCredentials
  readonly clock: ProjectClock
  readonly store: EventStore
  readonly profiles: ProfileStore
  /** Returns the profiles of a group key, by its `data_group_id`. */
  readonly groupProfiles: (dataGroupId: string) => ProfileStore
  /** The `data_group_id` of each group key. Default: the key itself. */
  readonly groupKeys: Readonly<Record<string, string>>
  readonly identity: Identity
  readonly cohorts: CohortStore
  readonly annotations: AnnotationStore
  /** Whether the app API writes dates with the project's offset or without it. */
  readonly annotationDates: 'offset' | 'plain'
  readonly funnels: FunnelStore
  readonly lexicon: LexiconEntry[]
  readonly revenue: RevenueStore
  readonly engage: EngageQueryOptions
  readonly sessions: EngageSessions
  /** The current plan. */
  plan: PricingPlan
  /** Whether a 429 has `Retry-After`. */
  readonly retryAfter: boolean
  readonly exportLimiter: RateLimiter
  readonly queryLimiter: RateLimiter
  readonly importBytesMax: number
  /** Determines the order of exported lines, together with the number of the request. */
  readonly seed: number
}

/** Counts a request until its response has ended. Returns a 429 if it exceeds a limit. */
export function limitReply(context: SimulatorContext, project: Project, limiter: RateLimiter): Reply | undefined {
  const exceeded = limiter.start(Date.now())
  if (exceeded === undefined) {
    context.env.outgoing.once('close', () => limiter.end())
    return undefined
  }
  const retryAfter = project.retryAfter ? exceeded.retryAfter : undefined
  return rateLimited(context, limitCounts(project, limiter, exceeded), retryAfter)
}

/** Returns the numbers that a 429 prints. */
export function limitCounts(
  project: Project,
  limiter: RateLimiter,
  { running, inLastHour }: Pick<LimitExceeded, 'running' | 'inLastHour'>,
): RateLimitCounts {
  const { concurrent, perHour } = limiter.limits
  return { running, inLastHour, projectId: project.credentials.projectId, concurrent, perHour }
}
