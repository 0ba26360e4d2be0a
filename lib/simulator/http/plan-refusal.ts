import type { PlanFeature, PlanRefusal, PricingPlan } from '../stores/pricing-plan.ts'
import { familyOf, jsonReply, type Reply, requestTarget, type SimulatorContext, textReply } from './reply.ts'

/** Features that are also missing if another one is. */
const PART_OF: Readonly<Partial<Record<PlanFeature, PlanFeature>>> = {
  groups: 'engage',
  cohort_members: 'engage',
  old_annotations: 'annotations',
}

/** Returns the refusal of a request if the plan lacks its feature or the family of its path. */
export function planRefusal(context: SimulatorContext, plan: PricingPlan, feature: PlanFeature): Reply | undefined {
  const family = familyOf(context.req.path)
  const whole = PART_OF[feature]
  const ofFamily = family === 'import' ? undefined : plan[family]
  const refusal = plan[feature] ?? (whole === undefined ? undefined : plan[whole]) ?? ofFamily
  return refusal === undefined ? undefined : refusalReply(context, refusal)
}

/** Returns a 402 in the form of the request's family. */
export function paymentRequired(context: SimulatorContext): Reply {
  return refusalReply(context, 402)
}

function refusalReply(context: SimulatorContext, refusal: PlanRefusal): Reply {
  const family = familyOf(context.req.path)
  const status = typeof refusal === 'number' ? refusal : refusal.status
  const error = typeof refusal === 'number' ? textOf(refusal, family === 'export') : refusal.error
  if (family === 'export') return textReply(status, error)
  if (family === 'app') return jsonReply(status, { status: 'error', error })
  return jsonReply(status, { request: requestTarget(context), error })
}

/** The texts of 402 were observed; those of 403 and 404 are guesses. */
function textOf(status: 402 | 403 | 404, isExport: boolean): string {
  if (status === 404) return 'Not Found'
  if (status === 403) return 'Forbidden: your role in this project does not allow this call'
  return isExport
    ? 'Your plan does not support raw data export. Visit mixpanel.com/pricing to upgrade.'
    : 'Your plan does not allow API calls. Upgrade at mixpanel.com/pricing'
}
