import { z } from 'zod'
import { callerOf, mayRead } from '../http/auth.ts'
import { checkPlan } from '../http/plan-refusal.ts'
import { jsonReply, type Reply, type Route, RouteError, type SimulatorContext } from '../http/reply.ts'
import { dayNumberIn } from '../stores/clock.ts'
import type { PlanFeature } from '../stores/options.ts'
import { parseWhere, type Where } from '../stores/where-parser.ts'
import type { DayRange } from './day-buckets.ts'
import { limitReply, type Project } from './project.ts'

const INTERVAL_MAX = 3660

const texts = z.array(z.union([z.string(), z.number().transform(String)]))

/** A read endpoint: the feature that the plan must have, and the reply or the JSON to send. */
export interface Query {
  readonly feature: PlanFeature | ((request: QueryRequest) => PlanFeature)
  readonly answer: (request: QueryRequest) => unknown
}

/** Returns the route of a query. It checks credentials, the limits of the family and the plan. */
export function queryRoute(project: Project, { feature, answer }: Query): Route {
  return async (context) => {
    const request = new QueryRequest(project, context)
    if (!mayRead(callerOf(context, project.credentials), request.parameters.project_id, project.credentials)) {
      throw new RouteError('Unable to authenticate request')
    }
    const limited = limitReply(context, project)
    if (limited !== undefined) return limited
    checkPlan(context, project.plan, typeof feature === 'string' ? feature : feature(request))
    const value = await answer(request)
    return isReply(value) ? value : jsonReply(200, value)
  }
}

function isReply(value: unknown): value is Reply {
  return typeof value === 'object' && value !== null && 'status' in value && 'headers' in value && 'body' in value
}

/** A request to a project, with the parameters of query and form. Each method parses some. */
export class QueryRequest {
  readonly project: Project
  readonly context: SimulatorContext
  readonly parameters: Readonly<Record<string, string>>

  constructor(project: Project, context: SimulatorContext) {
    this.project = project
    this.context = context
    this.parameters = { ...context.req.query(), ...context.get('form') }
  }

  /** Returns a parameter; undefined if it is missing or empty. */
  text(name: string): string | undefined {
    return this.parameters[name] || undefined
  }

  required(name: string): string {
    const text = this.parameters[name]
    if (text === undefined) throw new RouteError(`Missing required parameter: ${name}`)
    return text
  }

  /** Returns `from_date` and `to_date` as numbers of days. */
  days(): DayRange {
    const firstDay = this.#day('from_date')
    const lastDay = this.#day('to_date')
    if (lastDay > this.project.clock.today()) throw new RouteError('to_date cannot be later than today')
    if (firstDay > lastDay) throw new RouteError('from_date cannot be later than to_date')
    return { firstDay, lastDay }
  }

  #day(name: string): number {
    const day = dayNumberIn(this.required(name))
    if (day === undefined) throw new RouteError(`Error in ${name}: invalid date, expected yyyy-mm-dd`)
    return day
  }

  count(name: string, min = 0, max = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const count = Number(text)
    if (/^\d+$/.test(text) && count >= min && count <= max) return count
    throw new RouteError(`Error in ${name}: expected a number from ${min} to ${max}`)
  }

  /** Returns how many days are combined, or how many units are counted. */
  interval(): number {
    return this.count('interval', 1, INTERVAL_MAX) ?? 1
  }

  /** Returns a JSON list of texts or numbers, as texts. */
  list(name: string): readonly string[] | undefined {
    return this.text(name) === undefined ? undefined : this.json(name, texts, 'a JSON list of texts')
  }

  json<Value>(name: string, schema: z.ZodType<Value>, expected: string): Value {
    const text = this.required(name)
    try {
      return schema.parse(JSON.parse(text))
    } catch {
      throw new RouteError(`Error in ${name}: expected ${expected}`)
    }
  }

  where(): Where | undefined {
    const { where = '' } = this.parameters
    return where.trim() === '' ? undefined : parseWhere(where)
  }
}
