/**
 * Preloaded into a process that is measured (`node --import ./bench/usage.ts …`): when it ends, what it used goes to
 * its file descriptor 3 as one line of JSON.
 */
import { readFileSync, writeSync } from 'node:fs'

/** What a process used, as it says itself. */
export interface ProcessUsage {
  /** User and system time of all its threads. */
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

/** On Linux maxRSS begins with that of the process that started this one, so the kernel's own mark is read instead. */
function ownPeakKilobytes(maxRss: number): number {
  try {
    const mark = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return mark === undefined ? maxRss : Number(mark)
  } catch {
    return maxRss
  }
}
