import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { type Answer, textOf } from './answers.ts'

/** A run, as it names itself to others. */
export interface Holder {
  /** Of one opened destination: a process may have several. */
  readonly id: string
  readonly pid: number
  readonly host: string
  /** The machine's running system and its table of processes; undefined where that can't be told. */
  readonly machine: string | undefined
  /** When the process began, on the machine's own clock: numbers of processes are used again. */
  readonly began: string | undefined
}

/** Those of this process that have not ended. */
const LIVING = new Set<string>()

/** A holder for a run of this process. */
export function newHolder(): Holder {
  const id = randomUUID()
  LIVING.add(id)
  const { pid } = process
  return { id, pid, host: hostname(), machine: machine(), began: beginningOf(pid) }
}

/** To be called when it ends in whatever way. */
export function forgetHolder({ id }: Holder): void {
  LIVING.delete(id)
}

/** The holder that was noted; undefined where none was. */
export function holderOf(answer: Answer): Holder | undefined {
  const [id, host] = [textOf(answer.id), textOf(answer.host)]
  if (id === undefined || host === undefined) return undefined
  return { id, host, pid: Number(answer.pid), machine: textOf(answer.machine), began: textOf(answer.began) }
}

/** What messages call a holder. */
export function nameOf({ pid, host }: Holder): string {
  return `process ${pid}@${host}`
}

/**
 * Whether it is certain that the run is no more. That can be told only of a process on this very machine, so that after
 * a kill there the next run need not wait; of all others it is their silence that tells.
 */
export function isKnownDead({ id, pid, machine: its, began }: Holder): boolean {
  if (its === undefined || its !== machine()) return false
  if (pid === process.pid && began === beginningOf(pid)) return !LIVING.has(id)
  return beginningOf(pid) !== began
}

/** Linux only. A container has its own table of processes, and may share a host's name with others. */
function machine(): string | undefined {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return undefined
  }
}

/** proc(5): the 22nd field, of which the second, in parentheses, may hold anything. */
const BEGAN_AT = 22 - 3

function beginningOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[BEGAN_AT]
  } catch {
    return undefined
  }
}
