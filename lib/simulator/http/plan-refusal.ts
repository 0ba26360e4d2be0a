import type { PlanFeature, PricingPlan } from '../stores/options.ts'
import { familyOf, RouteError, type SimulatorContext } from './reply.ts'

/** Features that are also missing if another one is. */
const PART_OF: Readonly<Partial<Record<PlanFeature, PlanFeature>>> = {
  groups: 'engage',
  cohort_members: 'engage',
  old_annotations: 'annotations',
}

/** Throws a RouteError if the plan lacks a feature or the family of the request's path. */
export function checkPlan(context: SimulatorContext, plan: PricingPlan, feature: PlanFeature): void {
  const family = familyOf(context.req.path)
  const refusal = plan[feature] ?? plan[PART_OF[feature] ?? feature] ?? (family === 'import' ? undefined : plan[family])
  if (typeof refusal === 'object') throw new RouteError(refusal.error, refusal.status)
  if (refusal !== undefined) throw new RouteError(refusalText(refusal, context), refusal)
}

/** Returns the text of a refusal. Those of 402 were observed; those of 403 and 404 are guesses. */
export function refusalText(status: 402 | 403 | 404, context: SimulatorContext): string {
  if (status === 404) return 'Not Found'
  if (status === 403) return 'Forbidden: your role in this project does not allow this call'
  return familyOf(context.req.path) === 'export'
    ? 'Your plan does not support raw data export. Visit mixpanel.com/pricing to upgrade.'
    : 'Your plan does not allow API calls. Upgrade at mixpanel.com/pricing'
}
