import type { Route } from '../http/reply.ts'
import type { Project } from './project.ts'
import { countParameter, queryRoute } from './query-route.ts'

/** The number of names if the request does not set a limit. */
const LIMIT_DEFAULT = 255

/** `GET /api/query/events/names`: the names of the stored events, most frequent first. */
export function namesRoute(project: Project): Route {
  return queryRoute(project, 'counts', (parameters) => {
    const limit = countParameter(parameters, 'limit', 0, Number.MAX_SAFE_INTEGER) ?? LIMIT_DEFAULT
    const names = [...project.store.names].sort(([, a], [, b]) => b - a).map(([name]) => name)
    return names.slice(0, limit)
  })
}
