import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { plainEnvironment } from './environment.ts'
import type { Measure } from './measure.ts'
import type { OtherProgram } from './program.ts'

/** Runs a command, and afterwards says what its processes used: `0m1.250s 0m0.100s` on the last line. */
const TIMED = '"$@" >&2; code=$?; times >&3; exit $code'
const LOOK_MS = 50

/**
 * Runs any program to its end and measures it with all the processes that it starts. Peak memory is the sum of what each
 * of them had at its own peak, as the kernel (Linux) tells it: not less than what they had together.
 * @throws Error with the last that it printed when it fails.
 */
export async function measureCommand({ command, args, cwd, environment = {} }: OtherProgram): Promise<Measure> {
  const started = performance.now()
  const child = spawn('bash', ['-c', TIMED, 'bash', command, ...args], {
    cwd,
    env: { ...plainEnvironment(), ...environment },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const peaks = new Map<number, number>()
  const looking = setInterval(() => noteMemory(child.pid, peaks), LOOK_MS)
  try {
    const printed = text(child.stderr as Readable)
    const times = text(child.stdio[3] as Readable)
    const [code, signal] = await once(child, 'exit')
    const wallSeconds = (performance.now() - started) / 1000
    if (code !== 0)
      throw new Error(`ended with ${signal ?? code}: ${(await printed).trim().split('\n').slice(-5).join(' ')}`)
    const peakRssBytes = [...peaks.values()].reduce((total, bytes) => total + bytes, 0)
    return { wallSeconds, cpuSeconds: cpuSecondsIn(await times), peakRssBytes, loadSeconds: undefined }
  } finally {
    clearInterval(looking)
  }
}

/** The second line of bash's `times` is of all processes that have ended under it. */
function cpuSecondsIn(times: string): number {
  const [, ofChildren = ''] = times.trim().split('\n')
  return [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (total, [, minutes, seconds]) => total + Number(minutes) * 60 + Number(seconds),
    0,
  )
}

function noteMemory(pid: number | undefined, peaks: Map<number, number>): void {
  if (pid === undefined) return
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readIfThere(`/proc/${pid}/status`))?.[1]
  if (kilobytes !== undefined) peaks.set(pid, Number(kilobytes) * 1024)
  for (const child of readIfThere(`/proc/${pid}/task/${pid}/children`).split(' ')) {
    if (child.trim() !== '') noteMemory(Number(child), peaks)
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // A process that has ended meanwhile.
    return ''
  }
}
