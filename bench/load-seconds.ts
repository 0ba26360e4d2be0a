/** A line of mixload's log, as far as it matters here. */
interface Line {
  readonly kind?: string
  readonly time?: string
}

/**
 * How long a run of mixload was busy loading what it had downloaded, from the beginning of each load to its commit: the
 * destination's own part. Undefined where a log tells of no load.
 */
export function loadSecondsIn(log: string): number | undefined {
  let since: number | undefined
  let milliseconds: number | undefined
  for (const { kind, time } of log.split('\n').map(lineOf)) {
    if (kind === 'slice-loading') since = Date.parse(time ?? '')
    if (kind !== 'slice-loaded' || since === undefined) continue
    milliseconds = (milliseconds ?? 0) + Date.parse(time ?? '') - since
    since = undefined
  }
  return milliseconds === undefined ? undefined : milliseconds / 1000
}

function lineOf(text: string): Line {
  try {
    return JSON.parse(text) as Line
  } catch {
    // Something that is no event of the log.
    return {}
  }
}
