import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { plainEnvironment } from './environment.ts'
import type { Measure } from './measure.ts'
import type { OtherProgram } from './program.ts'

/**
 * Runs a command, and then prints the CPU time of its processes: `0m1.250s 0m0.100s` on the last
 * line.
 */
const TIMED = '"$@" >&2; code=$?; times >&3; exit $code'
const SAMPLE_MS = 50

/**
 * Runs any program and measures it with all processes that it starts. Peak memory is the sum of the
 * peaks of all processes, as reported by the Linux kernel; what they had at the same time may be
 * less.
 * @throws Error with the last lines of its output if it fails.
 */
export async function measureCommand({ command, args, cwd, environment = {} }: OtherProgram): Promise<Measure> {
  const started = performance.now()
  const child = spawn('bash', ['-c', TIMED, 'bash', command, ...args], {
    cwd,
    env: { ...plainEnvironment(), ...environment },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const peaks = new Map<number, number>()
  const sampling = setInterval(() => noteMemory(child.pid, peaks), SAMPLE_MS)
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
    clearInterval(sampling)
  }
}

/** The second line of bash's `times` has the times of all child processes. */
function cpuSecondsIn(times: string): number {
  const [, ofChildren = ''] = times.trim().split('\n')
  return [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (total, [, minutes, seconds]) => total + Number(minutes) * 60 + Number(seconds),
    0,
  )
}

function noteMemory(pid: number | undefined, peaks: Map<number, number>): void {
  if (pid === undefined) return
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readIfPresent(`/proc/${pid}/status`))?.[1]
  if (kilobytes !== undefined) peaks.set(pid, Number(kilobytes) * 1024)
  for (const child of readIfPresent(`/proc/${pid}/task/${pid}/children`).split(' ')) {
    if (child.trim() !== '') noteMemory(Number(child), peaks)
  }
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process has ended meanwhile.
    return ''
  }
}
