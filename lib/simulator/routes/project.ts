import type { Credentials } from '../http/auth.ts'
import type { Budget, Refusal } from '../http/limits.ts'
import type { Plan } from '../http/plan.ts'
import { type Reply, rateLimited, type SimulatorContext } from '../http/reply.ts'
import type { AnnotationStore } from '../stores/annotation-store.ts'
import type { ProjectClock } from '../stores/clock.ts'
import type { CohortStore } from '../stores/cohort-store.ts'
import type { EngageOptions, EngageSessions } from '../stores/engage-sessions.ts'
import type { FunnelStore } from '../stores/funnel-store.ts'
import type { Identity } from '../stores/identity.ts'
import type { LexiconEntry } from '../stores/lexicon.ts'
import type { ProfileStore } from '../stores/profile-store.ts'
import type { RevenueStore } from '../stores/revenue-store.ts'
import type { EventStore } from '../stores/store.ts'

/** The simulated project, as its routes see it. */
export interface Project {
  readonly name: string
  readonly credentials: Credentials
  readonly clock: ProjectClock
  readonly store: EventStore
  readonly profiles: ProfileStore
  /** The profiles of a group key, by its `data_group_id`; made when first asked for. */
  readonly groupProfiles: (dataGroupId: string) => ProfileStore
  /** The `data_group_id` of each group key; a key that is not here is its own. */
  readonly groupKeys: Readonly<Record<string, string>>
  readonly identity: Identity
  readonly cohorts: CohortStore
  readonly annotations: AnnotationStore
  /** How the app API writes their dates: with the project's offset, or without. */
  readonly annotationDates: 'offset' | 'plain'
  readonly funnels: FunnelStore
  readonly lexicon: LexiconEntry[]
  readonly revenue: RevenueStore
  readonly engage: EngageOptions
  readonly sessions: EngageSessions
  /** What the project may not use, now. */
  plan: Plan
  /** Whether a 429 says when to come back. */
  readonly retryAfter: boolean
  readonly exportBudget: Budget
  readonly queryBudget: Budget
  readonly importBytesMax: number
  /** Fixes the order of export lines, together with the request's number. */
  readonly seed: number
}

/** Takes a request out of a budget, or gives the refusal to send. The place is free again when the answer has ended. */
export function admitted(context: SimulatorContext, project: Project, budget: Budget): Reply | undefined {
  const refusal = budget.enter(Date.now())
  if (refusal === undefined) {
    context.env.outgoing.once('close', () => budget.leave())
    return undefined
  }
  return rateLimited(
    context,
    refusalText(project, budget, refusal),
    project.retryAfter ? refusal.retryAfter : undefined,
  )
}

/** The numbers of a refusal. */
export function refusalText(project: Project, budget: Budget, refusal: Pick<Refusal, 'running' | 'inLastHour'>) {
  const { concurrent, perHour } = budget.options
  return { ...refusal, projectId: project.credentials.projectId, concurrent, perHour }
}
