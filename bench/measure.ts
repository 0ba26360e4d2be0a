import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { plainEnvironment } from './environment.ts'
import { loadSecondsIn } from './load-seconds.ts'
import type { NodeProgram } from './program.ts'
import type { ProcessUsage } from './usage.ts'

/** The cost of one run of a process. */
export interface Measure extends ProcessUsage {
  /** From the start to the end of the process. */
  readonly wallSeconds: number
  /** The part that mixload spent on loads; undefined for other programs. */
  readonly loadSeconds: number | undefined
}

const PRELOAD = new URL('./usage.ts', import.meta.url).href

/**
 * Runs a Node program and measures it.
 * @throws Error with the last line of its standard error if it fails.
 */
export async function measure({ script, args, cwd, environment = {} }: NodeProgram): Promise<Measure> {
  const started = performance.now()
  const child = spawn(process.execPath, ['--import', PRELOAD, script, ...args], {
    cwd,
    env: { ...plainEnvironment(), ...environment },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const errors = text(child.stderr as Readable)
  const report = text(child.stdio[3] as Readable)
  const [code, signal] = await once(child, 'exit')
  const wallSeconds = (performance.now() - started) / 1000
  if (code !== 0) throw new Error(`ended with ${signal ?? code}: ${lastMessage(await errors)}`)
  const usage = JSON.parse(await report) as ProcessUsage
  return { ...usage, wallSeconds, loadSeconds: loadSecondsIn(await errors) }
}

/** Returns the last line of a log; if it is JSON, the first line of its message. */
function lastMessage(log: string): string {
  const last = log.trim().split('\n').at(-1) ?? ''
  try {
    return String((JSON.parse(last) as { msg?: unknown }).msg)
      .split('\n', 1)
      .join()
  } catch {
    return last
  }
}
