/** The relevant part of a line of mixload's log. */
interface LogLine {
  readonly kind?: string
  readonly time?: string
}

/**
 * Returns how long a run of mixload was loading what it had downloaded, from the start of each load
 * to its commit. This is the destination's part of the run. Undefined if the log has no load.
 */
export function loadSecondsIn(log: string): number | undefined {
  let since: number | undefined
  let milliseconds: number | undefined
  for (const { kind, time } of log.split('\n').map(parseLine)) {
    // Slices that share a commit are announced together.
    if (kind === 'slice-loading') since ??= Date.parse(time ?? '')
    if (kind !== 'slice-loaded' || since === undefined) continue
    milliseconds = (milliseconds ?? 0) + Date.parse(time ?? '') - since
    since = undefined
  }
  return milliseconds === undefined ? undefined : milliseconds / 1000
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    // Not a line of the log.
    return {}
  }
}
