import { z } from 'zod'
import { callerOf, mayRead } from '../http/auth.ts'
import { planRefusal } from '../http/plan.ts'
import { NOT_AUTHENTICATED, type Reply, type SimulatorContext, textReply } from '../http/reply.ts'
import { dayNumber, type ProjectClock } from '../stores/clock.ts'
import { exportLines, type Selection } from '../stores/export-lines.ts'
import { rekeyed } from '../stores/rekey.ts'
import { seededRandom } from '../stores/shuffle.ts'
import { parseWhere, WhereError } from '../stores/where.ts'
import { admitted, type Project } from './project.ts'

/** The most events that Mixpanel lets `limit` ask for. */
const LIMIT_MAX = 100_000

/** Spreads the seeds of consecutive requests (the golden ratio of 32 bits). */
const SEED_STEP = 0x9e3779b1

/** A parameter that Mixpanel answers with 400 and a line of text. */
class BadParameter extends Error {
  override readonly name = 'BadParameter'
}

/** `GET /api/2.0/export`: the raw events of a range of days. */
export function exportRoute(project: Project): (context: SimulatorContext) => Promise<Reply> {
  let requestNumber = 0
  return async (context) => {
    const { credentials, clock, store } = project
    const query = context.req.query()
    const caller = callerOf(context.req.header('authorization'), credentials)
    if (!mayRead(caller, query.project_id, credentials)) return textReply(400, NOT_AUTHENTICATED)
    const refused = admitted(context, project, project.exportBudget)
    if (refused !== undefined) return refused
    const left = planRefusal(context, project.plan, 'export')
    if (left !== undefined) return left
    requestNumber++
    const random = seededRandom(project.seed + Math.imul(requestNumber, SEED_STEP))
    try {
      const { firstDay, lastDay } = daysOf(query, clock)
      const selection = selectionOf(query)
      const stored = exportLines(store.blocks(firstDay, lastDay), selection, clock, random)
      const lines = rekeyed(stored, project.identity, clock.now())
      return {
        status: 200,
        headers: { 'Content-Type': 'text/plain' },
        body: selection.where === undefined ? lines : await checked(lines),
        mayCompress: true,
      }
    } catch (error) {
      if (error instanceof BadParameter) return textReply(400, error.message)
      if (error instanceof WhereError) return textReply(400, `Error in where: ${error.message}`)
      throw error
    }
  }
}

function daysOf(query: Record<string, string>, clock: ProjectClock): { firstDay: number; lastDay: number } {
  const firstDay = dayParameter(query, 'from_date')
  const lastDay = dayParameter(query, 'to_date')
  if (lastDay > clock.today()) throw new BadParameter('to_date cannot be later than today')
  if (firstDay > lastDay) throw new BadParameter('from_date cannot be later than to_date')
  return { firstDay, lastDay }
}

function dayParameter(query: Record<string, string>, name: string): number {
  const text = query[name]
  if (text === undefined) throw new BadParameter(`Missing required parameter: ${name}`)
  const day = dayNumber(text)
  if (day === undefined) throw new BadParameter(`Error in ${name}: invalid date, expected yyyy-mm-dd`)
  return day
}

const eventNames = z.array(z.string())

function selectionOf(query: Record<string, string>): Selection {
  const { event, where, limit, time_in_ms } = query
  return {
    events: event === undefined ? undefined : eventFilter(event),
    where: where === undefined || where.trim() === '' ? undefined : parseWhere(where),
    limit: limit === undefined ? undefined : limitNumber(limit),
    timeInMs: time_in_ms !== undefined && ['true', '1'].includes(time_in_ms.toLowerCase()),
  }
}

function eventFilter(text: string): ReadonlySet<string> {
  try {
    return new Set(eventNames.parse(JSON.parse(text)))
  } catch {
    throw new BadParameter('Error in event: expected a JSON list of event names')
  }
}

function limitNumber(text: string): number {
  const limit = Number(text)
  if (!/^\d+$/.test(text) || limit < 1 || limit > LIMIT_MAX) {
    throw new BadParameter(`Error in limit: expected a number from 1 to ${LIMIT_MAX}`)
  }
  return limit
}

/**
 * Lines of an export whose expression may turn out to join what is no truth value. Seen before the first line it is a
 * 400; later the status is out, and the body ends as Mixpanel ends a body that it can't finish.
 */
async function checked(lines: AsyncGenerator<Buffer>): Promise<AsyncIterable<Buffer>> {
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
