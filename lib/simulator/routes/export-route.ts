import { z } from 'zod'
import { type Route, RouteError } from '../http/reply.ts'
import { withCurrentIds } from '../stores/current-ids.ts'
import { exportLines, type Selection } from '../stores/export-lines.ts'
import { seededRandom } from '../stores/random-order.ts'
import { WhereError } from '../stores/where-value.ts'
import { type Project, refuseRead, withErrors } from './project.ts'
import { countParameter, daysParameter, jsonParameter, type Parameters, whereParameter } from './query-route.ts'

/** The largest `limit` that Mixpanel accepts. */
const LIMIT_MAX = 100_000

/** Makes the seeds of consecutive requests differ in all bits (the golden ratio in 32 bits). */
const SEED_STEP = 0x9e3779b1

/** `GET /api/2.0/export`: the raw events of a range of days. */
export function exportRoute(project: Project): Route {
  let requestNumber = 0
  return async (context) => {
    const { clock, store } = project
    const query = context.req.query()
    const refusal = refuseRead(context, project, query, project.exportLimiter, 'export')
    if (refusal !== undefined) return refusal
    requestNumber++
    const random = seededRandom(project.seed + Math.imul(requestNumber, SEED_STEP))
    return withErrors(context, async () => {
      const { firstDay, lastDay } = daysParameter(query, clock)
      const selection = selectionOf(query)
      const stored = exportLines(store.blocks(firstDay, lastDay), selection, clock, random)
      const lines = withCurrentIds(stored, project.identity, clock.now())
      const body = selection.where === undefined ? lines : await withWhereErrors(lines)
      return { status: 200, headers: { 'Content-Type': 'text/plain' }, body, mayCompress: true }
    })
  }
}

const eventNames = z.array(z.string())

function selectionOf(query: Parameters): Selection {
  const { event, limit, time_in_ms } = query
  if (limit === '') throw new RouteError(`Error in limit: expected a number from 1 to ${LIMIT_MAX}`)
  return {
    events:
      event === undefined
        ? undefined
        : new Set(jsonParameter(event, 'event', eventNames, 'a JSON list of event names')),
    where: whereParameter(query),
    limit: countParameter(query, 'limit', 1, LIMIT_MAX),
    timeInMs: time_in_ms !== undefined && ['true', '1'].includes(time_in_ms.toLowerCase()),
  }
}

/**
 * Handles errors in evaluating `where`. Before the first line they are a 400. Later the status is
 * already sent, and the body ends like one that Mixpanel cannot complete.
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
