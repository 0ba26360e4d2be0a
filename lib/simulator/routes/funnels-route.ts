import type { Route } from '../http/reply.ts'
import { funnelResult } from '../stores/funnel-figures.ts'
import { dayBuckets } from './day-buckets.ts'
import type { Project } from './project.ts'
import { countParameter, daysParameter, type Parameters, queryRoute } from './query-route.ts'
import { RouteError } from './route-error.ts'

const WINDOW_DAYS_MAX = 90

const SECONDS_OF: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400 }

/** `GET /api/query/funnels/list`, also under `/api/2.0/`: ids and names of the saved funnels. */
export function funnelListRoute(project: Project): Route {
  return queryRoute(project, 'funnels', () => project.funnels.all().map(({ id, name }) => ({ funnel_id: id, name })))
}

/** `GET /api/query/funnels`: the steps of a funnel, day by day. `where` has no effect. */
export function funnelsRoute(project: Project): Route {
  return queryRoute(project, 'funnels', (parameters) => {
    const id = countParameter(parameters, 'funnel_id', 0, Number.MAX_SAFE_INTEGER)
    if (id === undefined) throw new RouteError('Missing required parameter: funnel_id')
    const { firstDay, lastDay } = daysParameter(parameters, project.clock)
    checkWindow(parameters)
    const funnel = project.funnels.get(id)
    if (funnel === undefined) throw new RouteError(`Error in funnel_id: no funnel ${id}`)
    const buckets = dayBuckets(parameters, firstDay, lastDay)
    const isSplit = (parameters.on ?? '') !== ''
    const data: Record<string, unknown> = {}
    for (const bucket of buckets) {
      const result = funnelResult(funnel, bucket.firstDay, bucket.lastDay)
      // The properties of users are unknown, so all users are in one segment.
      data[bucket.name] = isSplit ? { $overall: result.steps, undefined: result.steps } : result
    }
    if (funnel.overall) data.$overall = funnelResult(funnel, firstDay, lastDay)
    return { meta: { dates: buckets.map(({ name }) => name) }, data }
  })
}

function checkWindow(parameters: Parameters): void {
  const length = countParameter(parameters, 'length', 1, Number.MAX_SAFE_INTEGER)
  const seconds = SECONDS_OF[parameters.length_unit ?? 'day']
  if (seconds === undefined) throw new RouteError('Error in length_unit: expected second, minute, hour or day')
  if (length !== undefined && length * seconds > WINDOW_DAYS_MAX * 86_400) {
    throw new RouteError(`Error in length: at most ${WINDOW_DAYS_MAX} days`)
  }
}
