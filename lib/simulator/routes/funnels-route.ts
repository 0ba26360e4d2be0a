import type { Reply, SimulatorContext } from '../http/reply.ts'
import { funnelAnswer } from '../stores/funnel-figures.ts'
import { dayBuckets } from './day-buckets.ts'
import type { Project } from './project.ts'
import { countParameter, daysParameter, type Parameters, QueryError, queryRoute } from './query-route.ts'

const WINDOW_DAYS_MAX = 90

const SECONDS_OF: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400 }

/** `GET /api/query/funnels/list`, also under `/api/2.0/`: ids and names of the saved funnels. */
export function funnelListRoute(project: Project): (context: SimulatorContext) => Promise<Reply> {
  return queryRoute(project, 'funnels', () => project.funnels.all().map(({ id, name }) => ({ funnel_id: id, name })))
}

/** `GET /api/query/funnels`, also under `/api/2.0/`: the steps of a funnel, day by day. `where` changes nothing. */
export function funnelsRoute(project: Project): (context: SimulatorContext) => Promise<Reply> {
  return queryRoute(project, 'funnels', (parameters) => {
    const id = countParameter(parameters, 'funnel_id', 0, Number.MAX_SAFE_INTEGER)
    if (id === undefined) throw new QueryError('Missing required parameter: funnel_id')
    const { firstDay, lastDay } = daysParameter(parameters, project.clock)
    checkWindow(parameters)
    const funnel = project.funnels.get(id)
    if (funnel === undefined) throw new QueryError(`Error in funnel_id: no funnel ${id}`)
    const buckets = dayBuckets(parameters, firstDay, lastDay)
    const isSplit = (parameters.on ?? '') !== ''
    const data: Record<string, unknown> = {}
    for (const bucket of buckets) {
      const answer = funnelAnswer(funnel, bucket.firstDay, bucket.lastDay)
      // Nothing is known of users' properties, so all of them are in one part.
      data[bucket.name] = isSplit ? { $overall: answer.steps, undefined: answer.steps } : answer
    }
    if (funnel.overall) data.$overall = funnelAnswer(funnel, firstDay, lastDay)
    return { meta: { dates: buckets.map(({ name }) => name) }, data }
  })
}

function checkWindow(parameters: Parameters): void {
  const length = countParameter(parameters, 'length', 1, Number.MAX_SAFE_INTEGER)
  const seconds = SECONDS_OF[parameters.length_unit ?? 'day']
  if (seconds === undefined) throw new QueryError('Error in length_unit: expected second, minute, hour or day')
  if (length !== undefined && length * seconds > WINDOW_DAYS_MAX * 86_400) {
    throw new QueryError(`Error in length: at most ${WINDOW_DAYS_MAX} days`)
  }
}
