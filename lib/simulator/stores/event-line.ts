import { KIND } from '../../columns/value-kinds.ts'
import { LINE, type LineScanner } from '../../scan/line-scanner.ts'
import { millisecondsOf } from '../../time/instants.ts'
import { isEventTime } from './clock.ts'

/** Replaces the bytes `[start, end)` of a line; inserts if both are equal. */
export interface LineEdit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Scans a line, which ends in 0x0A. Returns whether it is an event; undefined if it is blank. */
export function scanEvent(scanner: LineScanner, line: Buffer): boolean | undefined {
  const verdict = scanner.scan(line, 0, line.length - 1)
  return verdict === LINE.blank ? undefined : verdict === LINE.plain || verdict === LINE.odd
}

/** Returns the edit that replaces the value of a scanned property. */
export function valueEdit({ valueStart, valueEnd }: LineScanner, token: number, text: string): LineEdit {
  return { start: valueStart[token] as number, end: valueEnd[token] as number, text }
}

/** Returns the `time` of a scanned line as it is written; NaN if it is missing or not a number. */
export function timeNumber(scanner: LineScanner, line: Buffer): number {
  const token = scanner.timeToken
  if (token < 0) return Number.NaN
  const kind = scanner.kind[token] as number
  if ((kind & (KIND.integer | KIND.longInteger | KIND.double | KIND.bigNumber)) === 0) return Number.NaN
  return Number(line.toString('latin1', scanner.valueStart[token], scanner.valueEnd[token]))
}

/** Converts a `time` in seconds or milliseconds to UTC milliseconds; NaN if not valid. */
export function toUtcMs(time: number): number {
  const utcMs = millisecondsOf(time)
  return isEventTime(utcMs) ? utcMs : Number.NaN
}

/** Returns the name of the event of a scanned line. */
export function eventName(scanner: LineScanner, line: Buffer): string {
  const name = line.toString('utf8', scanner.identityStart + 1, scanner.identityEnd - 1)
  return name.includes('\\') ? (JSON.parse(`"${name}"`) as string) : name
}

/** Returns a line with edits, which must be in order and must not overlap. */
export function editLine(line: Buffer, edits: readonly LineEdit[]): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (const { start, end, text } of edits) {
    parts.push(line.subarray(from, start), Buffer.from(text))
    from = end
  }
  return Buffer.concat([...parts, line.subarray(from)])
}
