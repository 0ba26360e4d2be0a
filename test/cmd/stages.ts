import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { ended, type Ran, type Workplace } from './run-mixload.ts'

/** When a run logged an event of a kind, in milliseconds since its start. */
export interface Moment {
  readonly kind: string
  readonly atMs: number
}

/** A stage of a run, named by the events in the log that begin and end it. */
export interface Stage {
  readonly begins: string
  readonly ends: string
}

async function* momentsOf(child: ChildProcess): AsyncGenerator<Moment> {
  if (child.stderr === null) throw new TypeError('the log of the run is not there to be read')
  const start = performance.now()
  for await (const line of createInterface({ input: child.stderr })) {
    const kind = /"kind":"([^"]+)"/.exec(line)?.[1]
    if (kind !== undefined) yield { kind, atMs: performance.now() - start }
  }
}

/** Waits for the end of a run; returns what it printed, and when it logged each event. */
export async function timedRun(child: ChildProcess): Promise<Ran & { readonly moments: readonly Moment[] }> {
  const end = ended(child)
  const moments: Moment[] = []
  for await (const moment of momentsOf(child)) moments.push(moment)
  return { ...(await end), moments }
}

/**
 * How long the first stage of this kind lasted, or the time up to its end if it has no beginning.
 */
export function durationMs(moments: readonly Moment[], { begins, ends }: Partial<Stage> & Pick<Stage, 'ends'>): number {
  const from = begins === undefined ? 0 : moments.findIndex(({ kind }) => kind === begins)
  const last = moments.slice(from).find(({ kind }) => kind === ends)
  if (from < 0 || last === undefined) throw new Error(`The run logged no ${begins ?? 'start'} … ${ends}.`)
  return last.atMs - (begins === undefined ? 0 : (moments[from]?.atMs ?? 0))
}

/** Waits until a run has logged an event of a kind for the `nth` time, or is over. */
export async function logged(child: ChildProcess, kind: string, nth = 1): Promise<void> {
  let count = 0
  for await (const moment of momentsOf(child)) if (moment.kind === kind && ++count === nth) break
  // Nobody here reads what else it logs, but it must not fill the pipe.
  child.stderr?.resume()
}

/**
 * Kills a run a while after it has logged an event of a kind for the `nth` time. Returns whether it
 * was killed, and not over before.
 */
export async function killAt(child: ChildProcess, kind: string, nth: number, waitMs: number): Promise<boolean> {
  const end = ended(child)
  await logged(child, kind, nth)
  await sleep(waitMs)
  child.kill('SIGKILL')
  await end
  return child.signalCode === 'SIGKILL'
}

/** Kills a run a while after its start. Returns whether it was killed, and not over before. */
export async function killAfter(child: ChildProcess, waitMs: number): Promise<boolean> {
  const end = ended(child)
  await sleep(waitMs)
  child.kill('SIGKILL')
  await end
  return child.signalCode === 'SIGKILL'
}

/**
 * Makes the simulator never answer for a day, so that a run that reads it goes on until it is
 * killed.
 */
export function withhold(place: Workplace, day: string): void {
  place.simulator.fault({
    kind: 'slow-first-byte',
    ms: 2 ** 31 - 1,
    times: Number.POSITIVE_INFINITY,
    match: { path: '/api/2.0/export', fromDate: day },
  })
}
