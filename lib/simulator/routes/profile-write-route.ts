import { isObject } from '../../core/json.ts'
import { numberOfRaw, parseLossless } from '../../core/lossless-json.ts'
import { ingestRoute, parseRecords, readBody } from '../http/ingestion.ts'
import { type Route, RouteError } from '../http/reply.ts'
import { toUtcMs } from '../stores/event-line.ts'
import {
  applyOperation,
  GROUP_OPERATIONS,
  operationError,
  PROFILE_OPERATIONS,
  type ProfileOperation,
} from '../stores/profile-operations.ts'
import type { ProfileStore } from '../stores/profile-store.ts'
import type { ReceivedRecord } from '../stores/received-records.ts'
import type { Project } from './project.ts'

/** Operations that update Last Seen. */
const UPDATES_LAST_SEEN: readonly ProfileOperation[] = ['$set', '$set_once', '$add', '$append', '$union']

/** A valid update. */
interface Update {
  /** False for the token of another project: the update is accepted but changes nothing. */
  readonly isOwn: boolean
  readonly store: ProfileStore
  readonly id: string
  readonly operations: readonly (readonly [ProfileOperation, unknown])[]
  readonly seenAt: number | undefined
}

/** `POST` and `GET /engage` or `/groups`: applies the valid updates of profiles. */
export function profileWriteRoute(project: Project, kind: 'users' | 'groups'): Route {
  return ingestRoute(async (context) => {
    const body = await readBody(context, project.importBytesMax)
    // Mixpanel does not accept gzip here.
    const isCompressed = context.req.header('content-encoding') !== undefined
    const records = parseRecords(context, isCompressed ? undefined : body, 'updates')
    const updates = records.map((record) => parseUpdate(record, project, kind))
    const valid = updates.filter((update) => update instanceof Object)
    for (const update of valid) if (update.isOwn) apply(update)
    const problem = updates.find((update) => typeof update === 'string')
    if (valid.length === 0) throw new RouteError(problem ?? '')
  })
}

/** Returns the update of a record, or a text that says why it is invalid. */
function parseUpdate(record: ReceivedRecord, project: Project, kind: 'users' | 'groups'): Update | string {
  const { value } = record
  if (!isObject(value)) return 'an update must be a JSON object'
  if (typeof value.$token !== 'string') return "'$token' must not be missing"
  const exact = parseLossless(record.line.toString()) as Readonly<Record<string, unknown>>
  const allowed = kind === 'users' ? PROFILE_OPERATIONS : GROUP_OPERATIONS
  const operations = allowed.flatMap((name) => (Object.hasOwn(exact, name) ? [[name, exact[name]] as const] : []))
  if (operations.length === 0) return 'an update must have an operation'
  for (const [name, operand] of operations) {
    const error = operationError(name, operand)
    if (error !== undefined) return error
  }
  const [key, id] = kind === 'users' ? ['', value.$distinct_id] : [value.$group_key, value.$group_id]
  const hasId = (typeof id === 'string' && id !== '') || typeof id === 'number'
  if (!hasId || typeof key !== 'string') return 'an update must say whose profile it changes'
  const keepsAlias = value.$ignore_alias === true || kind === 'groups'
  return {
    isOwn: value.$token === project.credentials.token,
    store: kind === 'users' ? project.profiles : project.groupProfiles(project.groupKeys[key] ?? key),
    id: keepsAlias ? String(id) : project.identity.profileId(String(id)),
    operations,
    seenAt: kind === 'users' && value.$ignore_time !== true ? seenAt(exact.$time, project) : undefined,
  }
}

function seenAt(time: unknown, { clock }: Project): number {
  const utcMs = toUtcMs(numberOfRaw(time) ?? Number.NaN)
  return Number.isNaN(utcMs) ? clock.now() : utcMs
}

function apply({ store, id, operations, seenAt }: Update): void {
  for (const [name, value] of operations) {
    store.update(id, (before) => {
      const after = applyOperation(before, name, value)
      if (after === undefined || seenAt === undefined || !UPDATES_LAST_SEEN.includes(name)) return after
      return { ...after, $last_seen: new Date(seenAt).toISOString().slice(0, 19) }
    })
  }
}
