import { RouteError } from '../http/reply.ts'
import type { Funnel, StepFigures } from '../stores/saved-objects.ts'
import { type DayRange, dayBuckets } from './day-buckets.ts'
import type { Query, QueryRequest } from './query.ts'

const WINDOW_DAYS_MAX = 90
const SECONDS_OF: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400 }

/** The time between two steps if only the numbers of users are known, in seconds. */
const STEP_SECONDS = 60

/** `/api/query/funnels`: the steps of a funnel, day by day. `where` has no effect. */
export const funnelFigures: Query = {
  feature: 'funnels',
  answer(request) {
    const { project, parameters } = request
    const id = request.count('funnel_id')
    if (id === undefined) throw new RouteError('Missing required parameter: funnel_id')
    const range = request.days()
    checkWindow(request)
    const funnel = project.funnels.get(id)
    if (funnel === undefined) throw new RouteError(`Error in funnel_id: no funnel ${id}`)
    const buckets = dayBuckets(range, parameters.unit, request.interval())
    const isSplit = request.text('on') !== undefined
    const data: Record<string, unknown> = {}
    for (const bucket of buckets) {
      const result = funnelResult(funnel, bucket)
      // The properties of users are unknown, so all users are in one segment.
      data[bucket.name] = isSplit ? { $overall: result.steps, undefined: result.steps } : result
    }
    if (funnel.overall) data.$overall = funnelResult(funnel, range)
    return { meta: { dates: buckets.map(({ name }) => name) }, data }
  },
}

function checkWindow(request: QueryRequest): void {
  const length = request.count('length', 1)
  const seconds = SECONDS_OF[request.parameters.length_unit ?? 'day']
  if (seconds === undefined) throw new RouteError('Error in length_unit: expected second, minute, hour or day')
  if (length !== undefined && length * seconds > WINDOW_DAYS_MAX * 86_400) {
    throw new RouteError(`Error in length: at most ${WINDOW_DAYS_MAX} days`)
  }
}

/** Returns the result for some days together. Single days keep custom fields. */
function funnelResult(funnel: Funnel, { firstDay, lastDay }: DayRange) {
  const days = [...funnel.days].flatMap(([day, figures]) => (day >= firstDay && day <= lastDay ? [figures] : []))
  const counts = funnel.steps.map((_, index) => days.reduce((sum, figures) => sum + countOf(figures[index]), 0))
  const steps = funnel.steps.map((template, index) => {
    const given = firstDay === lastDay ? days[0]?.[index] : undefined
    const count = counts[index] ?? 0
    return {
      count,
      avg_time: index === 0 || count === 0 ? null : STEP_SECONDS,
      avg_time_from_start: index === 0 || count === 0 ? null : STEP_SECONDS * index,
      // The ratios of the first step are 1 even if nobody reached it.
      step_conv_ratio: index === 0 ? 1 : ratio(count, counts[index - 1]),
      overall_conv_ratio: index === 0 ? 1 : ratio(count, counts[0]),
      goal: template.event,
      ...template,
      ...(typeof given === 'object' ? given : {}),
    }
  })
  // The step with the worst conversion; the first step only if it is the only one.
  const ratios = steps.slice(1).map((step) => step.step_conv_ratio)
  const worst = ratios.length === 0 ? 0 : ratios.indexOf(Math.min(...ratios)) + 1
  return {
    steps,
    analysis: {
      completion: steps.at(-1)?.count ?? 0,
      starting_amount: steps[0]?.count ?? 0,
      steps: steps.length,
      worst,
    },
  }
}

function countOf(figures: StepFigures | undefined): number {
  return typeof figures === 'object' ? figures.count : (figures ?? 0)
}

function ratio(part: number, whole = 0): number {
  return whole === 0 ? 0 : part / whole
}
