import { isUtf8 } from 'node:buffer'
import { KIND } from '../columns/value-kinds.ts'
import { MixloadError } from '../core/errors.ts'
import { isJson, parseJson } from '../core/json.ts'
import type { ChunkWriter } from '../spool/spool.ts'
import type { DayTally } from '../time/day-tally.ts'
import { clockMs, type EventClock, isDistant, isStorable, timeOfText } from '../time/event-time.ts'
import { isMoment } from '../time/instants.ts'
import { announcesFailure } from './failure-line.ts'
import { NEWLINE } from './json-bytes.ts'
import { type KeptLine, shownLine } from './kept-line.ts'
import type { LineDigests } from './line-digests.ts'
import { limitExceeded, reasonAgainst } from './line-reasons.ts'
import { LINE, type LineScanner } from './line-scanner.ts'
import type { LineWriter } from './line-writer.ts'
import { failureOf, noRecords } from './whole-body.ts'

/** Longer lines are rejected: Mixpanel allows 1 MB per event, and the engine holds a whole line. */
export const LINE_BYTES_MAX = 16 * 1024 * 1024

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]
const READ_BYTES = 1024 * 1024

/** What one body contained. */
export interface BodySummary {
  readonly rows: number
  readonly rejects: number
  /** Bytes after decompression. */
  readonly bytes: number
  /** Rejected lines that are not JSON: a reason to request the body again. */
  readonly damaged: number
  /** Rejected lines that are not records, damaged ones included. Others are beyond our limits. */
  readonly foreign: number
  /** Rows without a usable time. */
  readonly undated: number
  /** Rows dated outside the clock's days. */
  readonly outside: number
  /** Bytes of the longest spooled line. */
  readonly longestLine: number
  readonly longestReject: number
}

/** Where a body's lines go. */
export interface BodySinks {
  readonly scanner: LineScanner
  readonly writer: LineWriter
  readonly lines: ChunkWriter
  /** Takes `{"reason","line"}` objects, one per line. */
  readonly rejects: ChunkWriter
  /** How to read `time`, and the body's days; undefined if lines have no time. */
  readonly clock: EventClock | undefined
  /** Takes the position of each record's identity, if needed. */
  readonly identities?: Identities | undefined
  readonly dayTally?: DayTally | undefined
  /** Takes every line that is not blank, if needed. */
  readonly digests?: LineDigests | undefined
  /** Whether to refuse a body that is not the whole response: see {@link failureOf}. */
  readonly mustBeWhole?: boolean
  /** Set if properties are left out: nothing else of a line may be kept or shown. */
  readonly keptLine?: KeptLine
  readonly onProgress?: (bytes: number, rows: number) => void
}

/** Takes identities, each as the JSON text `bytes[start, end)`. */
export interface Identities {
  add(bytes: Buffer, start: number, end: number): void
}

/** Reads a body of lines into the spool in constant memory. Only byte 0x0A ends a line. */
export class BodyReader {
  readonly #sinks: BodySinks
  /** Bytes that are not scanned yet: at most one incomplete line. */
  #pending = Buffer.allocUnsafe(READ_BYTES)
  #pendingEnd = 0
  /** Where the search for the next newline starts: no byte is searched twice. */
  #searched = 0
  readonly #summary = {
    rows: 0,
    rejects: 0,
    bytes: 0,
    damaged: 0,
    foreign: 0,
    undated: 0,
    outside: 0,
    longestLine: 0,
    longestReject: 0,
  }
  /** Rows dated outside the requested days, in UTC and in the project's zone. */
  #distant = 0
  #skippingLine = false
  /** The number of the current line's day; undefined if days are not counted. */
  #day: number | undefined
  /** Whether the check for a byte order mark is done. */
  #isBegun = false
  /** Whether the last line that is not blank is incomplete JSON. */
  #lastIsIncomplete = false
  /** The beginning of that line if it is not a record. */
  #foreignEnd: string | undefined

  constructor(sinks: BodySinks) {
    this.#sinks = sinks
  }

  get rows(): number {
    return this.#summary.rows
  }

  async take(block: Buffer): Promise<void> {
    this.#read(block)
    await this.#sinks.lines.flush()
    await this.#sinks.rejects.flush()
  }

  #read(block: Buffer): void {
    this.#summary.bytes += block.length
    this.#hold(block)
    if (!this.#isBegun && this.#pendingEnd < BYTE_ORDER_MARK.length) return
    this.#stripByteOrderMark()
    const last = this.#pending.subarray(this.#searched, this.#pendingEnd).lastIndexOf(NEWLINE)
    if (last < 0) this.#searched = this.#pendingEnd
    else this.#scanLines(this.#searched + last + 1)
    if (this.#pendingEnd > LINE_BYTES_MAX) this.#rejectLongLine()
    this.#sinks.onProgress?.(this.#summary.bytes, this.#summary.rows)
  }

  #stripByteOrderMark(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    if (!BYTE_ORDER_MARK.every((byte, at) => at < this.#pendingEnd && this.#pending[at] === byte)) return
    this.#pending.copy(this.#pending, 0, BYTE_ORDER_MARK.length, this.#pendingEnd)
    this.#pendingEnd -= BYTE_ORDER_MARK.length
  }

  #hold(block: Buffer): void {
    // One more byte for the newline that end() adds to a last line without one.
    const needed = this.#pendingEnd + block.length + 1
    if (needed > this.#pending.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#pending.length * 2))
      this.#pending.copy(grown, 0, 0, this.#pendingEnd)
      this.#pending = grown
    }
    block.copy(this.#pending, this.#pendingEnd)
    this.#pendingEnd += block.length
  }

  /** Scans the complete lines in `pending[0, until)` and keeps the rest. */
  #scanLines(until: number): void {
    const bytes = this.#pending
    const { lines, digests } = this.#sinks
    const allUtf8 = isUtf8(bytes.subarray(0, until))
    let start = 0
    // Unchanged lines are written together, from here to the line before the current one.
    let runStart = 0
    if (this.#skippingLine) {
      start = runStart = bytes.indexOf(NEWLINE) + 1
      this.#skippingLine = false
    }
    while (start < until) {
      const end = bytes.indexOf(NEWLINE, start)
      if (end - start > LINE_BYTES_MAX) {
        lines.append(bytes, runStart, start)
        runStart = end + 1
        digests?.add(bytes, start, end, undefined)
        this.#rejectAsLong(bytes.subarray(start, end))
      } else if (!allUtf8 && !isUtf8(bytes.subarray(start, end))) {
        lines.append(bytes, runStart, start)
        runStart = end + 1
        digests?.add(bytes, start, end, undefined)
        this.#summary.damaged++
        this.#lastIsIncomplete = false
        this.#noteForeign(bytes.subarray(start, end))
        this.#reject(bytes.subarray(start, end), 'not valid UTF-8', '; the line is given in base64', 'base64')
      } else if (!this.#scanLine(bytes, start, end, runStart)) runStart = end + 1
      start = end + 1
    }
    lines.append(bytes, runStart, until)
    bytes.copy(bytes, 0, until, this.#pendingEnd)
    this.#pendingEnd -= until
    this.#searched = this.#pendingEnd
  }

  /** Returns false if the line changes; then the lines since `runStart` have been written. */
  #scanLine(bytes: Buffer, start: number, end: number, runStart: number): boolean {
    const { scanner, writer, lines, digests } = this.#sinks
    const verdict = scanner.scan(bytes, start, end)
    if (verdict !== LINE.blank) {
      this.#lastIsIncomplete = verdict === LINE.incomplete
      this.#foreignEnd = undefined
    }
    if (verdict === LINE.plain || verdict === LINE.odd) {
      this.#summary.rows++
      if (end - start > this.#summary.longestLine) this.#summary.longestLine = end - start
      this.#sinks.identities?.add(bytes, scanner.identityStart, scanner.identityEnd)
      const { clock } = this.#sinks
      const timeFits = clock === undefined || this.#noteTime(bytes, clock)
      digests?.add(bytes, start, end, this.#day)
      if (verdict === LINE.plain && timeFits) return true
      const line = writer.rewrite(bytes, start, end, timeFits)
      if (line === undefined) return true
      if (line.length > this.#summary.longestLine) this.#summary.longestLine = line.length
      lines.append(bytes, runStart, start)
      lines.append(line, 0, line.length)
      lines.append(NEWLINE_BYTES, 0, 1)
      return false
    }
    lines.append(bytes, runStart, start)
    if (verdict === LINE.blank) return false
    digests?.add(bytes, start, end, undefined)
    this.#rejectUnreadable(bytes.subarray(start, end))
    return false
  }

  /**
   * Counts undated and outside rows. Returns false if a warehouse cannot store `time` as it came.
   */
  #noteTime(bytes: Buffer, clock: EventClock): boolean {
    const { scanner, dayTally } = this.#sinks
    const token = scanner.timeToken
    const kind = token < 0 ? KIND.null : (scanner.kind[token] as number)
    const number = this.#timeAt(bytes, token, kind, clock)
    const ms = number === undefined ? Number.NaN : clockMs(clock, number)
    if (!isMoment(ms)) this.#summary.undated++
    else if (ms < clock.from || ms >= clock.until) this.#summary.outside++
    if (isDistant(clock, ms)) this.#distant++
    this.#day = dayTally?.note(ms)
    return kind === KIND.null || (kind !== KIND.text && isStorable(ms))
  }

  /** The number in `time`, or that which its text stands for. */
  #timeAt(bytes: Buffer, token: number, kind: number, clock: EventClock): number | undefined {
    const { scanner, writer } = this.#sinks
    const start = scanner.valueStart[token] as number
    const end = scanner.valueEnd[token] as number
    writer.timeOfText = undefined
    if (kind === KIND.integer) return integerAt(bytes, start, end)
    if (kind === KIND.double) return Number(bytes.toString('latin1', start, end))
    if (kind !== KIND.text) return undefined
    writer.timeOfText = timeOfText(clock, JSON.parse(bytes.toString('utf8', start, end)))
    return writer.timeOfText
  }

  #rejectUnreadable(line: Buffer): void {
    const text = line.toString()
    if (announcesFailure(text)) {
      const number = this.#summary.rows + this.#summary.rejects + 1
      throw truncated(`its line ${number} says ${JSON.stringify(this.#shown(text.trim()))}`)
    }
    this.#reject(line, this.#reasonAgainst(text, line))
  }

  #reasonAgainst(text: string, line: Buffer): string {
    const value = parseJson(text)
    if (value === undefined) {
      this.#summary.damaged++
      this.#noteForeign(line)
      return `not JSON from byte ${this.#sinks.scanner.stoppedAt - line.byteOffset + this.#pending.byteOffset} of the line`
    }
    const { properties, hasRepeatedKey } = this.#sinks.scanner
    const unlike = reasonAgainst(value, properties.shape)
    if (unlike === undefined) return limitExceeded(text, properties.shape, hasRepeatedKey)
    this.#noteForeign(line)
    return unlike
  }

  #noteForeign(line: Buffer): void {
    this.#summary.foreign++
    this.#foreignEnd = this.#shown(line.toString('utf8', 0, this.#sinks.keptLine === undefined ? SHOWN : line.length))
  }

  /** The beginning of a line for messages, without what is left out of the warehouse. */
  #shown(text: string): string {
    const { keptLine } = this.#sinks
    return shownLine(text, keptLine === undefined ? text : keptLine(text)).slice(0, SHOWN)
  }

  /** `form`: what the reason says of the form in which the line is given. */
  #reject(line: Buffer, reason: string, form = '', encoding: 'utf8' | 'base64' = 'utf8'): void {
    const { keptLine } = this.#sinks
    if (keptLine !== undefined) {
      const kept = encoding === 'utf8' ? keptLine(line.toString()) : undefined
      this.#writeReject(kept === undefined ? reason + NOT_KEPT : reason, kept ?? '')
    } else if (encoding === 'utf8' && line.includes(0)) {
      this.#reject(line, reason, '; it holds NUL, so it is given in base64', 'base64')
    } else this.#writeReject(reason + form, line.toString(encoding))
  }

  #writeReject(reason: string, line: string): void {
    this.#summary.rejects++
    const entry = Buffer.from(`${JSON.stringify({ reason, line })}\n`)
    if (entry.length > this.#summary.longestReject) this.#summary.longestReject = entry.length
    this.#sinks.rejects.append(entry, 0, entry.length)
  }

  #rejectLongLine(): void {
    this.#sinks.digests?.miss()
    if (!this.#skippingLine) this.#rejectAsLong(this.#pending)
    this.#skippingLine = true
    this.#pendingEnd = 0
    this.#searched = 0
  }

  #rejectAsLong(line: Buffer): void {
    this.#lastIsIncomplete = false
    this.#noteForeign(line)
    this.#reject(
      line.subarray(0, LONG_LINE_SHOWN),
      `longer than ${LINE_BYTES_MAX} bytes`,
      '; only its beginning is given',
    )
  }

  /**
   * Ends the last line.
   * @throws MixloadError BODY_TRUNCATED if the body reports a failure or breaks off within a line;
   *   BODY_UNREADABLE if no line is a record. The caller then discards what was written.
   */
  async end(): Promise<BodySummary> {
    const summary = this.#ended()
    await this.#sinks.lines.flush()
    return summary
  }

  #ended(): BodySummary {
    if (this.#skippingLine) throw this.#summary.rows === 0 ? this.#noRecords(this.#foreignEnd) : this.#cutOff()
    this.#stripByteOrderMark()
    if (this.#pendingEnd > 0) this.#endLastLine()
    if (this.#lastIsIncomplete) throw this.#cutOff()
    if (this.#summary.damaged > 0 && this.#summary.rows === 0) throw this.#noRecords(this.#foreignEnd)
    this.#assertWhole()
    return this.#summary
  }

  #assertWhole(): void {
    const { mustBeWhole, clock, scanner } = this.#sinks
    if (!mustBeWhole) return
    const evidence = { ...this.#summary, foreignEnd: this.#foreignEnd, distant: this.#distant }
    const failure = failureOf(evidence, scanner.properties.shape, clock)
    if (failure !== undefined) throw failure
  }

  /** A last line may lack its newline, but must be complete. */
  #endLastLine(): void {
    const end = this.#pendingEnd
    this.#pending[end] = NEWLINE
    const verdict = isUtf8(this.#pending.subarray(0, end))
      ? this.#sinks.scanner.scan(this.#pending, 0, end)
      : LINE.incomplete
    const text = this.#pending.toString('utf8', 0, end)
    if (announcesFailure(text)) throw truncated(`it ends in ${JSON.stringify(this.#shown(text))}`)
    const isNotJson = verdict === LINE.unreadable && !isJson(text)
    if (isNotJson && this.#summary.rows === 0) throw this.#noRecords(text)
    if (verdict === LINE.incomplete || isNotJson) throw this.#cutOff()
    this.#pendingEnd = end + 1
    this.#scanLines(this.#pendingEnd)
  }

  #noRecords(line: string | undefined): MixloadError {
    return noRecords(this.#sinks.scanner.properties.shape, line)
  }

  #cutOff(): MixloadError {
    const { noun } = this.#sinks.scanner.properties.shape
    return truncated(`its last line, after ${this.#summary.rows} ${noun}s, is cut off`)
  }
}

/** How many characters of a line messages show. */
const SHOWN = 200

/** Of a line in which nobody can tell the properties apart. */
const NOT_KEPT = '; the line is not kept, because it may have properties that are left out'

/** How many bytes of a too long line the rejects keep. */
const LONG_LINE_SHOWN = 1000

const NEWLINE_BYTES = Buffer.from([NEWLINE])

function integerAt(bytes: Buffer, start: number, end: number): number {
  const isNegative = bytes[start] === 0x2d
  let value = 0
  for (let at = isNegative ? start + 1 : start; at < end; at++) value = value * 10 + (bytes[at] as number) - 0x30
  return isNegative ? -value : value
}

function truncated(how: string): MixloadError {
  return new MixloadError('BODY_TRUNCATED', `The body is not whole: ${how}.`)
}
