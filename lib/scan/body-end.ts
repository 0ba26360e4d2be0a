import { isObject, parseJson } from '../core/json.ts'

/**
 * What an export body says when it is not whole. Mixpanel sends the status line before the scan
 * ends, so a scan that fails can only say so inside the body, as the last thing in it.
 */
const TERMINATED = /^\s*"?(?:export )?terminated early/i
/** Also cut off at any point: `{"error":`, `{"er`. */
const ERROR_OBJECT = /^\s*\{\s*"(?:error|request|status)"\s*:/i

/** At the end of an event that it cut off, or stuck to one. */
const TERMINATED_EVENT = /^\s*\{.*[^\s\w](?:export )?terminated early\s*$|^\s*\{.*\d(?:export )?terminated early\s*$/is

/** Whether a line that is no event announces that Mixpanel gave up. */
export function announcesFailure(line: string): boolean {
  if (TERMINATED.test(line)) return true
  if (TERMINATED_EVENT.test(line)) return true
  return ERROR_OBJECT.test(line) && !isUnrelatedObject(line)
}

/** An object that merely has a key of such a name, without anything that says error. */
function isUnrelatedObject(line: string): boolean {
  const value = parseJson(line)
  return isObject(value) && !('error' in value)
}
