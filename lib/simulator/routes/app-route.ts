import { callerOf } from '../http/auth.ts'
import { planRefusal } from '../http/plan-refusal.ts'
import { errorReply, jsonReply, type Route, type SimulatorContext } from '../http/reply.ts'
import type { PlanFeature } from '../stores/pricing-plan.ts'
import { type Project, withErrors } from './project.ts'

/** The result of a route of the app API. The status defaults to 200. */
export interface AppResult {
  readonly status?: number
  readonly results: unknown
}

/** Returns a route of the app API below `/projects/{id}`, which requires the service account. */
export function appRoute(
  project: Project,
  feature: PlanFeature,
  answer: (context: SimulatorContext) => AppResult | Promise<AppResult>,
): Route {
  return async (context) => {
    const { credentials } = project
    if (callerOf(context.req.header('authorization'), credentials) !== 'service-account') {
      return errorReply(context, 401, 'Invalid service account credentials')
    }
    if (context.req.param('project') !== credentials.projectId) {
      return errorReply(context, 403, 'User does not have access to this project')
    }
    const refusal = planRefusal(context, project.plan, feature)
    if (refusal !== undefined) return refusal
    return withErrors(context, async () => {
      const { status = 200, results } = await answer(context)
      return jsonReply(status, { status: 'ok', results })
    })
  }
}

/** `GET /api/app/projects/{id}/schemas` and `…/schemas/{type}`, without pages. */
export function lexiconRoute(project: Project): Route {
  return appRoute(project, 'lexicon', (context) => {
    const type = context.req.param('type')
    return { results: project.lexicon.filter(({ entityType }) => type === undefined || entityType === type) }
  })
}

/** `GET /api/app/me`: what a service account can access, and time zones. Undocumented. */
export function meRoute(project: Project): Route {
  return (context) => {
    const { credentials, clock, name } = project
    const { user } = credentials.serviceAccount
    if (callerOf(context.req.header('authorization'), credentials) !== 'service-account') {
      return errorReply(context, 401, 'Invalid service account credentials')
    }
    const organization = { id: 1, name: 'Simulated organization', role: 'admin' }
    const described = {
      name,
      organization_id: 1,
      timezone: clock.timezone,
      has_workspaces: true,
      domain: 'mixpanel.com',
      type: 'PROJECT',
    }
    const project_id = Number(credentials.projectId)
    const workspace = { id: 10, name: 'All Project Data', project_id, is_default: true, is_global: true }
    const results = {
      user_id: 1,
      user_email: user,
      user_name: user.split('.')[0],
      organizations: { 1: organization },
      projects: { [credentials.projectId]: described },
      workspaces: { 10: workspace },
    }
    return jsonReply(200, { status: 'ok', results })
  }
}
