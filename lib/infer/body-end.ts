/**
 * What an export body says when it is not whole. Mixpanel sends the status line before the scan ends, so a scan that
 * fails can only say so inside the body, as the last thing in it.
 */
const TERMINATED = /^\s*"?(?:export )?terminated early/i
/** Also cut off at any point: `{"error":`, `{"er`. */
const ERROR_OBJECT = /^\s*\{\s*"(?:error|request|status)"\s*:/i

/** Whether a line that is no event announces that Mixpanel gave up. */
export function announcesFailure(line: string): boolean {
  return TERMINATED.test(line) || (ERROR_OBJECT.test(line) && !isUnrelatedObject(line))
}

/** An object that merely has a key of such a name, without anything that says error. */
function isUnrelatedObject(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !('error' in value)
  } catch {
    return false
  }
}
