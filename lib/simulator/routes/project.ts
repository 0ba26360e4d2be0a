import { callerOf, mayRead, type SimulatorCredentials } from '../http/auth.ts'
import { planRefusal } from '../http/plan-refusal.ts'
import type { LimitExceeded, RateLimiter } from '../http/rate-limits.ts'
import {
  errorReply,
  type RateLimitCounts,
  type Reply,
  RouteError,
  rateLimited,
  type SimulatorContext,
} from '../http/reply.ts'
import type { AnnotationStore } from '../stores/annotation-store.ts'
import type { ProjectClock } from '../stores/clock.ts'
import type { CohortStore } from '../stores/cohort-store.ts'
import type { EngageQueryOptions, EngageSessions } from '../stores/engage-sessions.ts'
import type { EventStore } from '../stores/event-store.ts'
import type { FunnelStore } from '../stores/funnel-store.ts'
import type { Identity } from '../stores/identity.ts'
import type { PlanFeature, PricingPlan } from '../stores/pricing-plan.ts'
import type { ProfileStore } from '../stores/profile-store.ts'
import type { RevenueStore } from '../stores/revenue-store.ts'
import { WhereError } from '../stores/where-value.ts'

/** A Lexicon entry: the description of an event, or of profiles (`$user`). */
export interface LexiconEntry {
  readonly entityType: 'event' | 'profile' | 'custom_event'
  readonly name: string
  readonly schemaJson: Readonly<Record<string, unknown>>
}

/** The simulated project. */
export interface Project {
  readonly name: string
  readonly credentials: SimulatorCredentials
  readonly clock: ProjectClock
  readonly store: EventStore
  /** The user profiles. */
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
  /** Days with fixed revenue. On other days it is computed from the profiles' `$transactions`. */
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

/** Checks the credentials, the limits and the plan. Returns the error, if any. */
export function refuseRead(
  context: SimulatorContext,
  project: Project,
  parameters: Readonly<Record<string, string>>,
  limiter: RateLimiter,
  feature: PlanFeature,
): Reply | undefined {
  const caller = callerOf(context.req.header('authorization'), project.credentials)
  if (!mayRead(caller, parameters.project_id, project.credentials)) {
    return errorReply(context, 400, 'Unable to authenticate request')
  }
  return limitReply(context, project, limiter) ?? planRefusal(context, project.plan, feature)
}

/** Answers a request, and turns errors about the request into responses. */
export async function withErrors(context: SimulatorContext, answer: () => Reply | Promise<Reply>): Promise<Reply> {
  try {
    return await answer()
  } catch (error) {
    if (error instanceof RouteError) return errorReply(context, error.status, error.message)
    if (error instanceof WhereError) return errorReply(context, 400, `Error in where: ${error.message}`)
    throw error
  }
}

/** Counts a request until its response has ended. Returns a 429 if it exceeds a limit. */
function limitReply(context: SimulatorContext, project: Project, limiter: RateLimiter): Reply | undefined {
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
