import { callerOf } from '../http/auth.ts'
import { planRefusal } from '../http/plan-refusal.ts'
import { jsonReply, type Reply, type Route, type SimulatorContext } from '../http/reply.ts'
import type { PlanFeature } from '../stores/pricing-plan.ts'
import type { Project } from './project.ts'
import { RouteError } from './route-error.ts'

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
      return errorReply(401, 'Invalid service account credentials')
    }
    if (context.req.param('project') !== credentials.projectId) {
      return errorReply(403, 'User does not have access to this project')
    }
    const refusal = planRefusal(context, project.plan, feature)
    if (refusal !== undefined) return refusal
    try {
      const { status = 200, results } = await answer(context)
      return jsonReply(status, { status: 'ok', results })
    } catch (error) {
      if (error instanceof RouteError) return errorReply(error.status, error.message)
      throw error
    }
  }
}

function errorReply(status: number, error: string): Reply {
  return jsonReply(status, { error, status: 'error' })
}
