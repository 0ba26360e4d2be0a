import { z } from 'zod'
import { peek } from '../../core/peek.ts'
import type { Reply } from '../http/reply.ts'
import { withCurrentIds } from '../stores/current-ids.ts'
import { exportLines, type Selection } from '../stores/export-lines.ts'
import { seededRandom } from '../stores/random-order.ts'
import { WhereError } from '../stores/where-operators.ts'
import type { Query, QueryRequest } from './query.ts'

/** The largest `limit` that Mixpanel accepts. */
const LIMIT_MAX = 100_000

/** Makes the seeds of consecutive requests differ in all bits (the golden ratio in 32 bits). */
const SEED_STEP = 0x9e3779b1

const eventNames = z.array(z.string())

/** `/api/2.0/export`: the raw events of a range of days. */
export const rawExport: Query = {
  feature: 'export',
  async answer(request): Promise<Reply> {
    const { project } = request
    const { clock, store } = project
    const random = seededRandom(project.seed + Math.imul(++project.exportCount, SEED_STEP))
    const { firstDay, lastDay } = request.days()
    const selection = selectionOf(request)
    const stored = exportLines(store.blocks(firstDay, lastDay), selection, clock, random)
    const lines = withCurrentIds(stored, project.identity, clock.now())
    return {
      status: 200,
      headers: { 'Content-Type': 'text/plain' },
      body: selection.where === undefined ? lines : await withWhereErrors(lines),
      mayCompress: true,
    }
  },
}

function selectionOf(request: QueryRequest): Selection {
  const { event, time_in_ms = '' } = request.parameters
  const events = event === undefined ? undefined : request.json('event', eventNames, 'a JSON list of event names')
  return {
    events: events && new Set(events),
    where: request.where(),
    limit: request.count('limit', 1, LIMIT_MAX),
    timeInMs: ['true', '1'].includes(time_in_ms.toLowerCase()),
  }
}

/**
 * Handles errors in evaluating `where`. Before the first line they are a 400. Later the status is
 * already sent, and the body ends like a body that Mixpanel cannot complete.
 */
async function withWhereErrors(lines: AsyncGenerator<Buffer>): Promise<AsyncIterable<Buffer>> {
  const { all } = await peek(lines, (blocks) => blocks.length > 0)
  return (async function* () {
    try {
      yield* all
    } catch (error) {
      if (!(error instanceof WhereError)) throw error
      yield Buffer.from('export terminated early\n')
    }
  })()
}
