import { isObject, parseJson } from '../core/json.ts'

/** Mixpanel sends the status before its query ends, so only the body's end can report a failure. */
const TERMINATED = /^\s*"?(?:export )?terminated early/i
/** Also cut off: `{"error":`. */
const ERROR_OBJECT = /^\s*\{\s*"(?:error|request|status)"\s*:/i

/** Directly after an event, complete or cut off. */
const TERMINATED_EVENT = /^\s*\{.*[^\s\w](?:export )?terminated early\s*$|^\s*\{.*\d(?:export )?terminated early\s*$/is

/** Whether a line that is not an event reports a failure of Mixpanel's query. */
export function announcesFailure(line: string): boolean {
  if (TERMINATED.test(line) || TERMINATED_EVENT.test(line)) return true
  return ERROR_OBJECT.test(line) && !isUnrelatedObject(line)
}

/** Whether a JSON object merely has a key of such a name, but no error. */
function isUnrelatedObject(line: string): boolean {
  const value = parseJson(line)
  return isObject(value) && !('error' in value)
}
