import { z } from 'zod'
import { callerOf, mayRead } from '../http/auth.ts'
import { planRefusal } from '../http/plan-refusal.ts'
import { NOT_AUTHENTICATED, type Route, textReply } from '../http/reply.ts'
import { withCurrentIds } from '../stores/current-ids.ts'
import { exportLines, type Selection } from '../stores/export-lines.ts'
import { seededRandom } from '../stores/random-order.ts'
import { WhereError } from '../stores/where.ts'
import { limitReply, type Project } from './project.ts'
import { countParameter, daysParameter, jsonParameter, type Parameters, whereParameter } from './query-route.ts'
import { RouteError } from './route-error.ts'

/** The largest `limit` that Mixpanel accepts. */
const LIMIT_MAX = 100_000

/** Makes the seeds of consecutive requests differ in all bits (the golden ratio in 32 bits). */
const SEED_STEP = 0x9e3779b1

/** `GET /api/2.0/export`: the raw events of a range of days. */
export function exportRoute(project: Project): Route {
  let requestNumber = 0
  return async (context) => {
    const { credentials, clock, store } = project
    const query = context.req.query()
    const caller = callerOf(context.req.header('authorization'), credentials)
    if (!mayRead(caller, query.project_id, credentials)) return textReply(400, NOT_AUTHENTICATED)
    const limited = limitReply(context, project, project.exportLimiter)
    if (limited !== undefined) return limited
    const refusal = planRefusal(context, project.plan, 'export')
    if (refusal !== undefined) return refusal
    requestNumber++
    const random = seededRandom(project.seed + Math.imul(requestNumber, SEED_STEP))
    try {
      const { firstDay, lastDay } = daysParameter(query, clock)
      const selection = selectionOf(query)
      const stored = exportLines(store.blocks(firstDay, lastDay), selection, clock, random)
      const lines = withCurrentIds(stored, project.identity, clock.now())
      return {
        status: 200,
        headers: { 'Content-Type': 'text/plain' },
        body: selection.where === undefined ? lines : await withWhereErrors(lines),
        mayCompress: true,
      }
    } catch (error) {
      if (error instanceof RouteError) return textReply(error.status, error.message)
      if (error instanceof WhereError) return textReply(400, `Error in where: ${error.message}`)
      throw error
    }
  }
}

const eventNames = z.array(z.string())

function selectionOf(query: Parameters): Selection {
  const { event, time_in_ms = '' } = query
  const events =
    event === undefined ? undefined : jsonParameter(event, 'event', eventNames, 'a JSON list of event names')
  return {
    events: events === undefined ? undefined : new Set(events),
    where: whereParameter(query),
    limit: countParameter(query, 'limit', 1, LIMIT_MAX),
    timeInMs: ['true', '1'].includes(time_in_ms.toLowerCase()),
  }
}

/**
 * Handles errors in evaluating `where`. Before the first line they are a 400. Later the status is
 * already sent, and the body ends like a body that Mixpanel cannot complete.
 */
async function withWhereErrors(lines: AsyncGenerator<Buffer>): Promise<AsyncIterable<Buffer>> {
  const first = await lines.next()
  return (async function* () {
    try {
      if (first.done !== true) yield first.value
      yield* lines
    } catch (error) {
      if (!(error instanceof WhereError)) throw error
      yield Buffer.from('export terminated early\n')
    } finally {
      await lines.return(undefined)
    }
  })()
}
