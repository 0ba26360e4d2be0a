/** What a plan can lack: single streams, or all of the families `export`, `query` and `app`. */
export const PLAN_FEATURES = [
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

/** A part of the API that a plan can lack. */
export type PlanFeature = (typeof PLAN_FEATURES)[number]

/** How a missing feature is refused: by a status, or by a status with an error text of your own. */
export type PlanRefusal = 402 | 403 | 404 | { readonly status: number; readonly error: string }

/** The features that the project's plan lacks. */
export type PricingPlan = Readonly<Partial<Record<PlanFeature, PlanRefusal>>>
