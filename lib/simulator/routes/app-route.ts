import { callerOf } from '../http/auth.ts'
import { type PlanPart, planRefusal } from '../http/plan.ts'
import { jsonReply, type Reply, type SimulatorContext } from '../http/reply.ts'
import type { Project } from './project.ts'

/** A request that the app API answers with an error body. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly status: number

  constructor(status: number, error: string) {
    super(error)
    this.status = status
  }
}

/** What a route of the app API gives; 200 unless it says otherwise. */
export interface AppResult {
  readonly status?: number
  readonly results: unknown
}

/** A route of the app API below `/projects/{id}`: it wants the service account, and wraps what it gives. */
export function appRoute(
  project: Project,
  part: PlanPart,
  answer: (context: SimulatorContext) => AppResult | Promise<AppResult>,
): (context: SimulatorContext) => Promise<Reply> {
  return async (context) => {
    const { credentials } = project
    if (callerOf(context.req.header('authorization'), credentials) !== 'service-account') {
      return errorReply(401, 'Invalid service account credentials')
    }
    if (context.req.param('project') !== credentials.projectId) {
      return errorReply(403, 'User does not have access to this project')
    }
    const left = planRefusal(context, project.plan, part)
    if (left !== undefined) return left
    try {
      const { status = 200, results } = await answer(context)
      return jsonReply(status, { status: 'ok', results })
    } catch (error) {
      if (error instanceof AppError) return errorReply(error.status, error.message)
      throw error
    }
  }
}

function errorReply(status: number, error: string): Reply {
  return jsonReply(status, { error, status: 'error' })
}
