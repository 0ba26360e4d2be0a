import { callerOf, mayRead } from './auth.ts'
import { admitted, type Project } from './project.ts'
import { jsonReply, NOT_AUTHENTICATED, queryError, type Reply, type SimulatorContext } from './reply.ts'

/** Names given when the request does not say how many. */
const LIMIT_DEFAULT = 255

/** `GET /api/query/events/names`: the names of the stored events, the commonest first. */
export function namesRoute(project: Project): (context: SimulatorContext) => Reply {
  return (context) => {
    const { credentials, store, queryBudget } = project
    const { project_id, limit } = context.req.query()
    const caller = callerOf(context.req.header('authorization'), credentials)
    if (!mayRead(caller, project_id, credentials)) return queryError(context, 400, NOT_AUTHENTICATED)
    const refused = admitted(context, project, queryBudget)
    if (refused !== undefined) return refused
    if (limit !== undefined && !/^\d+$/.test(limit))
      return queryError(context, 400, 'Error in limit: expected a number')
    const names = [...store.names].sort(([, a], [, b]) => b - a).map(([name]) => name)
    return jsonReply(200, names.slice(0, limit === undefined ? LIMIT_DEFAULT : Number(limit)))
  }
}
