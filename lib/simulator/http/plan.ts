import { familyOf, jsonReply, type Reply, requestTarget, type SimulatorContext, textReply } from './reply.ts'

/** What a plan can leave out: streams, and the families `export`, `query` and `app` with all that is in them. */
export const PLAN_PARTS = [
  'export',
  'query',
  'app',
  'engage',
  'groups',
  'cohorts',
  'cohort_members',
  'annotations',
  'old_annotations',
  'funnels',
  'revenue',
  'lexicon',
  'counts',
] as const
/** A part of the API that a plan may lack. */
export type PlanPart = (typeof PLAN_PARTS)[number]

/** How a part is refused; an object has a text of its own. */
export type PlanRefusal = 402 | 403 | 404 | { readonly status: number; readonly error: string }

/** What the project may not use. A part that is not named may be used. */
export type Plan = Readonly<Partial<Record<PlanPart, PlanRefusal>>>

/** Parts that go with another one, too. */
const WIDER: Readonly<Partial<Record<PlanPart, PlanPart>>> = {
  groups: 'engage',
  cohort_members: 'engage',
  old_annotations: 'annotations',
}

/** The answer to a request for a part that the plan does not have; the family is that of the path. */
export function planRefusal(context: SimulatorContext, plan: Plan, part: PlanPart): Reply | undefined {
  const family = familyOf(context.req.path)
  const wider = WIDER[part]
  const ofFamily = family === 'import' ? undefined : plan[family]
  const refusal = plan[part] ?? (wider === undefined ? undefined : plan[wider]) ?? ofFamily
  return refusal === undefined ? undefined : refusalReply(context, refusal)
}

/** 402, in the words of the family. */
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

/** The texts of 402 were seen; those of 403 and 404 are guesses. */
function textOf(status: 402 | 403 | 404, isExport: boolean): string {
  if (status === 404) return 'Not Found'
  if (status === 403) return 'Forbidden: your role in this project does not allow this call'
  return isExport
    ? 'Your plan does not support raw data export. Visit mixpanel.com/pricing to upgrade.'
    : 'Your plan does not allow API calls. Upgrade at mixpanel.com/pricing'
}
