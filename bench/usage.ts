/**
 * Preloaded into a measured process (`node --import ./bench/usage.ts …`). When the process ends, it
 * writes its resource usage to file descriptor 3, as one line of JSON.
 */
import { readFileSync, writeSync } from 'node:fs'

/** The resource usage of a process. */
export interface ProcessUsage {
  /** User and system time of all threads. */
  readonly cpuSeconds: number
  readonly peakRssBytes: number
}

const REPORT_FD = 3

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const usage: ProcessUsage = {
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakRssBytes: ownPeakKilobytes(maxRSS) * 1024,
  }
  writeSync(REPORT_FD, `${JSON.stringify(usage)}\n`)
})

/**
 * On Linux, maxRSS includes the memory of the parent process, so the kernel's own figure is used
 * instead.
 */
function ownPeakKilobytes(maxRss: number): number {
  try {
    const highWaterMark = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return highWaterMark === undefined ? maxRss : Number(highWaterMark)
  } catch {
    return maxRss
  }
}
