import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { MixloadError } from '../../lib/core/errors.ts'
import type { Backend, Row, Session } from './session/session.ts'

/** How long the server may take to end a lost session of this run. */
const LET_GO_MS = 10_000
/** How long it may take to end the session of another run that was killed. */
const OTHERS_LET_GO_MS = 1000
const ASK_AGAIN_MS = 50

/** The condition for the lock with the key $1 in the server's list of locks. */
const IS_RUN_LOCK = `held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (held.classid::bigint << 32 | held.objid::bigint) = $1::bigint`

/** The key of a schema's advisory lock. Each database has its own keys. */
function lockKey(schema: string): string {
  return createHash('sha256').update(`mixload ${schema}`).digest().readBigInt64BE().toString()
}

/**
 * Takes the run lock until the session ends. If `before`, a lost session of this run, still has the
 * lock, it is ended first. So when this session has the lock, the commits of the other are decided.
 * @throws MixloadError DESTINATION_BUSY naming the run that has it.
 */
export async function takeRunLock(
  session: Session,
  schema: string,
  place: string,
  before: Backend | undefined,
): Promise<void> {
  const key = lockKey(schema)
  const began = performance.now()
  for (let waited = 0; waited < LET_GO_MS; waited = performance.now() - began) {
    if (waited > 0) await sleep(ASK_AGAIN_MS)
    const [answer] = await session.rows('SELECT pg_try_advisory_lock($1) AS taken', [key])
    if (answer?.taken === 't') return
    const [owner] = await session.rows(
      `SELECT pid, backend_start, application_name, client_addr
       FROM pg_locks AS held JOIN pg_stat_activity USING (pid) WHERE ${IS_RUN_LOCK}`,
      [key],
    )
    if (owner === undefined) continue
    if (before !== undefined && isSame(owner, before)) await end(session, before)
    else if (waited > OTHERS_LET_GO_MS) throw busy(place, schema, owner)
  }
  throw new MixloadError(
    'DESTINATION_UNAVAILABLE',
    `${place}: the server has not ended the lost session yet (process ${before?.pid} of the server).`,
  )
}

/**
 * Makes sure, within a transaction, that the session that commits it has the run lock.
 * @throws MixloadError DESTINATION_FAILED if it has not, because a connection pooler uses another
 *   session for each transaction.
 */
export async function assertRunLock(session: Session, schema: string): Promise<void> {
  const held = await session.rows(`SELECT FROM pg_locks AS held WHERE held.pid = pg_backend_pid() AND ${IS_RUN_LOCK}`, [
    lockKey(schema),
  ])
  if (held.length > 0) return
  throw new MixloadError(
    'DESTINATION_FAILED',
    'The session has lost the run lock. A connection pooler must be in session mode: use its port for that, or connect ' +
      'to the server directly.',
  )
}

/** Releases the lock before the session ends, which a pooler may delay. */
export async function releaseRunLock(session: Session, schema: string): Promise<void> {
  await session.rows('SELECT pg_advisory_unlock($1)', [lockKey(schema)])
}

/** Ends a session of the same user, if it still exists. */
export async function end(session: Session, { pid, startedAt }: Backend): Promise<void> {
  await session.rows(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE pid = $1::integer AND backend_start = $2::timestamptz`,
    [pid, startedAt],
  )
}

function isSame(owner: Row, { pid, startedAt }: Backend): boolean {
  return owner.pid === pid && owner.backend_start === startedAt
}

function busy(place: string, schema: string, owner: Row): MixloadError {
  const from = owner.client_addr == null ? '' : ` from ${owner.client_addr}`
  const who = owner.application_name || 'another run'
  return new MixloadError(
    'DESTINATION_BUSY',
    `Schema ${schema} of ${place} is held by ${who}${from}, process ${owner.pid} of the server. Wait for it to end ` +
      'and run again.',
  )
}
