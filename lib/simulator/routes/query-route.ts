import { z } from 'zod'
import { callerOf, mayRead } from '../http/auth.ts'
import { planRefusal } from '../http/plan-refusal.ts'
import {
  jsonReply,
  NOT_AUTHENTICATED,
  queryError,
  type Reply,
  type Route,
  type SimulatorContext,
} from '../http/reply.ts'
import { dayNumber, type ProjectClock } from '../stores/clock.ts'
import type { PlanFeature } from '../stores/pricing-plan.ts'
import { parseWhere, type Where, WhereError } from '../stores/where.ts'
import { limitReply, type Project } from './project.ts'
import { RouteError } from './route-error.ts'

/** The parameters of a request, from the query and the form. */
export type Parameters = Readonly<Record<string, string>>

/**
 * Returns a route of the query family. It checks the credentials, the limits of the family and the
 * plan, and handles errors. `answer` returns a reply, or a value to send as JSON.
 */
export function queryRoute(
  project: Project,
  featureOf: PlanFeature | ((parameters: Parameters) => PlanFeature),
  answer: (parameters: Parameters, context: SimulatorContext) => unknown,
): Route {
  return async (context) => {
    const parameters = { ...context.req.query(), ...context.get('form') }
    const caller = callerOf(context.req.header('authorization'), project.credentials)
    if (!mayRead(caller, parameters.project_id, project.credentials)) return queryError(context, 400, NOT_AUTHENTICATED)
    const limited = limitReply(context, project, project.queryLimiter)
    if (limited !== undefined) return limited
    const feature = typeof featureOf === 'string' ? featureOf : featureOf(parameters)
    const refusal = planRefusal(context, project.plan, feature)
    if (refusal !== undefined) return refusal
    try {
      const value = await answer(parameters, context)
      return isReply(value) ? value : jsonReply(200, value)
    } catch (error) {
      if (error instanceof RouteError) return queryError(context, error.status, error.message)
      if (error instanceof WhereError) return queryError(context, 400, `Error in where: ${error.message}`)
      throw error
    }
  }
}

/** Returns a JSON response whose body is already encoded. */
export function bytesReply(body: Buffer): Reply {
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body }
}

function isReply(value: unknown): value is Reply {
  return typeof value === 'object' && value !== null && 'status' in value && 'headers' in value && 'body' in value
}

/** Returns `from_date` and `to_date` as numbers of days. */
export function daysParameter(parameters: Parameters, clock: ProjectClock): { firstDay: number; lastDay: number } {
  const firstDay = dayParameter(parameters, 'from_date')
  const lastDay = dayParameter(parameters, 'to_date')
  if (lastDay > clock.today()) throw new RouteError('to_date cannot be later than today')
  if (firstDay > lastDay) throw new RouteError('from_date cannot be later than to_date')
  return { firstDay, lastDay }
}

function dayParameter(parameters: Parameters, name: string): number {
  const text = parameters[name]
  if (text === undefined) throw new RouteError(`Missing required parameter: ${name}`)
  const day = dayNumber(text)
  if (day === undefined) throw new RouteError(`Error in ${name}: invalid date, expected yyyy-mm-dd`)
  return day
}

/** Returns a whole number from `min` to `max`; undefined if the parameter is missing. */
export function countParameter(parameters: Parameters, name: string, min: number, max: number): number | undefined {
  const text = parameters[name]
  if (text === undefined || text === '') return undefined
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < min || count > max) {
    throw new RouteError(`Error in ${name}: expected a number from ${min} to ${max}`)
  }
  return count
}

/** Returns a JSON list of texts or numbers, as texts; undefined if it is missing. */
export function listParameter(parameters: Parameters, name: string): readonly string[] | undefined {
  const text = parameters[name]
  if (text === undefined || text === '') return undefined
  return jsonParameter(text, name, z.array(z.union([z.string(), z.number().transform(String)])), 'a JSON list of texts')
}

/** Parses a JSON parameter. */
export function jsonParameter<Value>(text: string, name: string, schema: z.ZodType<Value>, expected: string): Value {
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    throw new RouteError(`Error in ${name}: expected ${expected}`)
  }
}

/** Returns the parsed `where`. */
export function whereParameter(parameters: Parameters): Where | undefined {
  const { where } = parameters
  return where === undefined || where.trim() === '' ? undefined : parseWhere(where)
}
