import { numberOfRaw, parseLossless } from '../../core/lossless-json.ts'
import { sentRecords, unpackedBody } from '../http/ingest-body.ts'
import { ingestReply, NO_DATA } from '../http/ingest-reply.ts'
import type { Reply, SimulatorContext } from '../http/reply.ts'
import { sentMoment } from '../stores/event-line.ts'
import { isObject } from '../stores/import-rules.ts'
import type { JsonRecord } from '../stores/json-records.ts'
import {
  GROUP_OPERATIONS,
  operated,
  operationError,
  PROFILE_OPERATIONS,
  type ProfileOperation,
} from '../stores/profile-operations.ts'
import type { ProfileStore } from '../stores/profile-store.ts'
import type { Project } from './project.ts'

const RECORDS_MAX = 2000

/** Operations that say that the person was seen. */
const SEEN_BY: readonly ProfileOperation[] = ['$set', '$set_once', '$add', '$append', '$union']

/** An update that was read: whose it is and what it does. */
interface Update {
  /** False where the token is that of another project: it is taken, and changes nothing here. */
  readonly isOwn: boolean
  readonly store: ProfileStore
  readonly id: string
  readonly operations: readonly (readonly [ProfileOperation, unknown])[]
  readonly seenAt: number | undefined
}

/** `POST` and `GET /engage` or `/groups`: changes profiles, one update after the other, and leaves out what is invalid. */
export function profileWriteRoute(
  project: Project,
  kind: 'users' | 'groups',
): (context: SimulatorContext) => Promise<Reply> {
  return async (context) => {
    const body = await unpackedBody(context, project.importBytesMax)
    // Here Mixpanel takes no gzip.
    const isPacked = context.req.header('content-encoding') !== undefined
    const records = isPacked || !Buffer.isBuffer(body) ? undefined : sentRecords(context, body)
    if (records === undefined || records.length === 0) return ingestReply(context, NO_DATA)
    if (records.length > RECORDS_MAX) return ingestReply(context, `request exceeds max limit of ${RECORDS_MAX} updates`)
    const read = records.map((record) => updateOf(record, project, kind))
    const valid = read.filter((update) => update instanceof Object)
    for (const update of valid) if (update.isOwn) apply(update)
    const problem = read.find((update) => typeof update === 'string')
    const isTaken = problem === undefined || valid.length > 0
    return ingestReply(context, isTaken ? undefined : problem)
  }
}

/** The update of a record; a text says why it is none. */
function updateOf(record: JsonRecord, project: Project, kind: 'users' | 'groups'): Update | string {
  const { value } = record
  if (!isObject(value)) return 'an update must be a JSON object'
  if (typeof value.$token !== 'string') return "'$token' must not be missing"
  const exact = parseLossless(record.line.toString()) as Readonly<Record<string, unknown>>
  const allowed = kind === 'users' ? PROFILE_OPERATIONS : GROUP_OPERATIONS
  const operations = allowed.flatMap((name) => (Object.hasOwn(exact, name) ? [[name, exact[name]] as const] : []))
  if (operations.length === 0) return 'an update must have an operation'
  for (const [name, given] of operations) {
    const error = operationError(name, given)
    if (error !== undefined) return error
  }
  const [key, id] = kind === 'users' ? ['', value.$distinct_id] : [value.$group_key, value.$group_id]
  if (!isId(id) || typeof key !== 'string') return 'an update must say whose profile it changes'
  const text = String(id)
  const keepsAlias = value.$ignore_alias === true || kind === 'groups'
  return {
    isOwn: value.$token === project.credentials.token,
    store: kind === 'users' ? project.profiles : project.groupProfiles(project.groupKeys[key] ?? key),
    id: keepsAlias ? text : project.identity.resolved(text),
    operations,
    seenAt: kind === 'users' && value.$ignore_time !== true ? seenAt(exact.$time, project) : undefined,
  }
}

function seenAt(time: unknown, { clock }: Project): number {
  const utcMs = sentMoment(numberOfRaw(time) ?? Number.NaN)
  return Number.isNaN(utcMs) ? clock.now() : utcMs
}

function apply({ store, id, operations, seenAt }: Update): void {
  for (const [name, value] of operations) {
    store.update(id, (before) => {
      const after = operated(before, name, value)
      if (after === undefined || seenAt === undefined || !SEEN_BY.includes(name)) return after
      return { ...after, $last_seen: new Date(seenAt).toISOString().slice(0, 19) }
    })
  }
}

function isId(id: unknown): id is string | number {
  return (typeof id === 'string' && id !== '') || typeof id === 'number'
}
