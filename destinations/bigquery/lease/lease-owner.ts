import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { type JsonObject, textOf } from '../api/json.ts'

/** A run that may hold the lease, as it introduces itself to other runs. */
export interface LeaseOwner {
  /** Of one open destination; a process may have several. */
  readonly id: string
  readonly pid: number
  readonly host: string
  /** The boot of the machine and its process namespace; undefined if the system does not tell. */
  readonly machine: string | undefined
  /** When the process started, by the machine's clock, because process ids are reused. */
  readonly began: string | undefined
}

/** Ids of the owners in this process that are still in use. */
const ACTIVE_IDS = new Set<string>()

/** An owner for a run of this process. */
export function newLeaseOwner(): LeaseOwner {
  const id = randomUUID()
  ACTIVE_IDS.add(id)
  const { pid } = process
  return { id, pid, host: hostname(), machine: thisMachine(), began: startOf(pid) }
}

/** To be called when the run has ended, in whatever way. */
export function retireLeaseOwner({ id }: LeaseOwner): void {
  ACTIVE_IDS.delete(id)
}

/** The owner in a note; undefined if it names none. */
export function leaseOwnerIn(note: JsonObject): LeaseOwner | undefined {
  const [id, host] = [textOf(note.id), textOf(note.host)]
  if (id === undefined || host === undefined) return undefined
  return { id, host, pid: Number(note.pid), machine: textOf(note.machine), began: textOf(note.began) }
}

/** How messages name an owner. */
export function nameOf({ pid, host }: LeaseOwner): string {
  return `process ${pid}@${host}`
}

/**
 * Whether the run has certainly ended. Only a process on this machine can be checked: after a kill
 * here, the next run starts without a wait. A run elsewhere counts as ended when its lease expires.
 */
export function isKnownDead({ id, pid, machine, began }: LeaseOwner): boolean {
  if (machine === undefined || machine !== thisMachine()) return false
  if (pid === process.pid && began === startOf(pid)) return !ACTIVE_IDS.has(id)
  return startOf(pid) !== began
}

/** Linux only. Containers have process namespaces of their own, and may share a host name. */
function thisMachine(): string | undefined {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return undefined
  }
}

/** proc(5): the 22nd field, behind the second one, which may contain anything in parentheses. */
const START_TIME_INDEX = 22 - 3

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_TIME_INDEX]
  } catch {
    return undefined
  }
}
