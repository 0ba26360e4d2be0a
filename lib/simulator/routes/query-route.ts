import { z } from 'zod'
import { callerOf, mayRead } from '../http/auth.ts'
import { type PlanPart, planRefusal } from '../http/plan.ts'
import { jsonReply, NOT_AUTHENTICATED, queryError, type Reply, type SimulatorContext } from '../http/reply.ts'
import { dayNumber, type ProjectClock } from '../stores/clock.ts'
import { parseWhere, type Where, WhereError } from '../stores/where.ts'
import { admitted, type Project } from './project.ts'

/** The parameters of a request, from its query and its form. */
export type Parameters = Readonly<Record<string, string>>

/** A request that the query family answers with an error body. */
export class QueryError extends Error {
  override readonly name = 'QueryError'
  readonly status: number

  constructor(error: string, status = 400) {
    super(error)
    this.status = status
  }
}

/**
 * A route of the query family: credentials, the budget that all of the family shares, the plan, and errors are the same
 * everywhere. `answer` gives a reply, or a value that is sent as JSON.
 */
export function queryRoute(
  project: Project,
  partOf: PlanPart | ((parameters: Parameters) => PlanPart),
  answer: (parameters: Parameters, context: SimulatorContext) => unknown,
): (context: SimulatorContext) => Promise<Reply> {
  return async (context) => {
    const parameters = { ...context.req.query(), ...context.get('form') }
    const caller = callerOf(context.req.header('authorization'), project.credentials)
    if (!mayRead(caller, parameters.project_id, project.credentials)) return queryError(context, 400, NOT_AUTHENTICATED)
    const refused = admitted(context, project, project.queryBudget)
    if (refused !== undefined) return refused
    const left = planRefusal(context, project.plan, typeof partOf === 'string' ? partOf : partOf(parameters))
    if (left !== undefined) return left
    try {
      const value = await answer(parameters, context)
      return isReply(value) ? value : jsonReply(200, value)
    } catch (error) {
      if (error instanceof QueryError) return queryError(context, error.status, error.message)
      if (error instanceof WhereError) return queryError(context, 400, `Error in where: ${error.message}`)
      throw error
    }
  }
}

/** A body that is bytes already. */
export function bytesReply(body: Buffer): Reply {
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body }
}

function isReply(value: unknown): value is Reply {
  return typeof value === 'object' && value !== null && 'status' in value && 'headers' in value && 'body' in value
}

/** `from_date` and `to_date` as days. */
export function daysParameter(parameters: Parameters, clock: ProjectClock): { firstDay: number; lastDay: number } {
  const firstDay = dayParameter(parameters, 'from_date')
  const lastDay = dayParameter(parameters, 'to_date')
  if (lastDay > clock.today()) throw new QueryError('to_date cannot be later than today')
  if (firstDay > lastDay) throw new QueryError('from_date cannot be later than to_date')
  return { firstDay, lastDay }
}

function dayParameter(parameters: Parameters, name: string): number {
  const text = parameters[name]
  if (text === undefined) throw new QueryError(`Missing required parameter: ${name}`)
  const day = dayNumber(text)
  if (day === undefined) throw new QueryError(`Error in ${name}: invalid date, expected yyyy-mm-dd`)
  return day
}

/** A whole number from `min` to `max`; undefined where the parameter is not given. */
export function countParameter(parameters: Parameters, name: string, min: number, max: number): number | undefined {
  const text = parameters[name]
  if (text === undefined || text === '') return undefined
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < min || count > max) {
    throw new QueryError(`Error in ${name}: expected a number from ${min} to ${max}`)
  }
  return count
}

/** A list of texts as JSON; numbers in it become texts. Undefined where the parameter is not given. */
export function listParameter(parameters: Parameters, name: string): readonly string[] | undefined {
  const text = parameters[name]
  if (text === undefined || text === '') return undefined
  return jsonParameter(text, name, z.array(z.union([z.string(), z.number().transform(String)])), 'a JSON list of texts')
}

/** A parameter that is JSON of some form. */
export function jsonParameter<Value>(text: string, name: string, schema: z.ZodType<Value>, wanted: string): Value {
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    throw new QueryError(`Error in ${name}: expected ${wanted}`)
  }
}

/** The `where` of a request, read. */
export function whereParameter(parameters: Parameters): Where | undefined {
  const { where } = parameters
  return where === undefined || where.trim() === '' ? undefined : parseWhere(where)
}
