import { KIND } from '../../columns/value-kinds.ts'
import type { LineScanner } from '../../scan/line-scanner.ts'
import { isMoment } from './clock.ts'

/** Numbers below this are seconds: as milliseconds they would be before March 1973. */
const SECONDS_BELOW = 1e11

/** Replaces `bytes[start, end)` of a line; inserts if both are equal. */
export interface LineEdit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Returns the edit that replaces the value of a scanned property. */
export function valueEdit({ valueStart, valueEnd }: LineScanner, token: number, text: string): LineEdit {
  return { start: valueStart[token] as number, end: valueEnd[token] as number, text }
}

/** Returns the `time` of a scanned line as it is written; NaN if it is missing or not a number. */
export function timeNumber(scanner: LineScanner, bytes: Buffer): number {
  const token = scanner.timeToken
  if (token < 0) return Number.NaN
  const kind = scanner.kind[token] as number
  if ((kind & (KIND.integer | KIND.longInteger | KIND.double | KIND.bigNumber)) === 0) return Number.NaN
  return Number(bytes.toString('latin1', scanner.valueStart[token], scanner.valueEnd[token]))
}

/** Converts a `time` in seconds or milliseconds to UTC milliseconds; NaN if not valid. */
export function toUtcMs(time: number): number {
  const utcMs = Math.abs(time) < SECONDS_BELOW ? Math.round(time * 1000) : time
  return isMoment(utcMs) ? utcMs : Number.NaN
}

/** Returns the name of the event of a scanned line. */
export function eventName(scanner: LineScanner, bytes: Buffer): string {
  const name = bytes.toString('utf8', scanner.identityStart + 1, scanner.identityEnd - 1)
  return name.includes('\\') ? (JSON.parse(`"${name}"`) as string) : name
}

const LEADING_EVENT = Buffer.from('{"event":"')
const QUOTE = 0x22

/** Returns the event's name without a scan, if the line starts with it and has no escapes. */
export function leadingName(bytes: Buffer, start: number): string | undefined {
  const from = start + LEADING_EVENT.length
  if (bytes.compare(LEADING_EVENT, 0, LEADING_EVENT.length, start, from) !== 0) return undefined
  const name = bytes.toString('utf8', from, bytes.indexOf(QUOTE, from))
  return name.includes('\\') ? undefined : name
}

/** Returns `bytes[start, end)` with edits, which must be in order and must not overlap. */
export function editLine(bytes: Buffer, start: number, end: number, edits: readonly LineEdit[]): Buffer {
  let length = end - start
  for (const edit of edits) length += Buffer.byteLength(edit.text) - (edit.end - edit.start)
  const line = Buffer.allocUnsafe(length)
  let from = start
  let at = 0
  for (const edit of edits) {
    at += bytes.copy(line, at, from, edit.start)
    at += line.write(edit.text, at)
    from = edit.end
  }
  bytes.copy(line, at, from, end)
  return line
}
