import { isUtf8 } from 'node:buffer'
import { KIND } from '../columns/value-kinds.ts'
import { MixloadError } from '../core/errors.ts'
import { isJson } from '../core/json.ts'
import type { ChunkWriter } from '../spool/spool.ts'
import type { DayTally } from '../time/day-tally.ts'
import { clockMs, type EventClock, isStorable } from '../time/event-time.ts'
import { announcesFailure } from './body-end.ts'
import { KEYS_PER_LINE_MAX, LINE, type LineScanner } from './line-scanner.ts'
import type { LineWriter } from './line-writer.ts'
import { depthOf } from './nesting.ts'
import { NESTING_MAX } from './value-scanner.ts'

/** A longer line is set aside: Mixpanel's limit is 1 MB an event, and the engine must hold a line whole. */
export const LINE_BYTES_MAX = 16 * 1024 * 1024

const NEWLINE = 0x0a
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]
const READ_BYTES = 1024 * 1024

/** What one body held. */
export interface BodySummary {
  readonly events: number
  readonly rejects: number
  /** Bytes after unzipping. */
  readonly bytes: number
  /** Lines that are no JSON at all: a reason to ask again before they are set aside. */
  readonly damaged: number
  /** Events without a usable time. */
  readonly undated: number
  /** Events dated outside the clock's days. */
  readonly outside: number
  /** Bytes of the longest line in the spool, of events and of rejects. */
  readonly longestLine: number
  readonly longestReject: number
}

/** Where a body's lines go. */
export interface BodySinks {
  readonly scanner: LineScanner
  readonly writer: LineWriter
  readonly events: ChunkWriter
  /** Takes `{"reason","line"}` objects, one a line. */
  readonly rejects: ChunkWriter
  /** What tells which moments of events are within the body's days; undefined where lines have none. */
  readonly clock: EventClock | undefined
  /** Gets the name of every event, where it is wanted. */
  readonly eventNames?: Set<string> | undefined
  /** Takes where the name of every event, or the identity of every record, stands in the bytes, where it is wanted. */
  readonly identities?: { add(bytes: Uint8Array, start: number, end: number): void } | undefined
  /** Counts every event by its day, where that is wanted. */
  readonly dayTally?: DayTally | undefined
  /** Whether a body whose last line is no JSON at all is taken for one that broke off: an error page may follow on events. */
  readonly mustEndInJson?: boolean
  /** Told now and then how far reading has come. */
  readonly onProgress?: (bytes: number, events: number) => void
}

/**
 * Reads an export body to its end into the spool, in constant memory, splitting at byte 0x0A only.
 *
 * @throws MixloadError BODY_TRUNCATED where the body says that it is not whole or breaks off within a line;
 *   BODY_UNREADABLE where it is no export at all. What it wrote until then is to be thrown away.
 */
export async function readBody(body: AsyncIterable<Buffer>, sinks: BodySinks): Promise<BodySummary> {
  const reader = new BodyReader(sinks)
  for await (const block of body) {
    await reader.take(block)
  }
  return reader.end()
}

/** What {@link readBody} does, block by block, for whoever gets blocks of several bodies in turns. */
export class BodyReader {
  readonly #sinks: BodySinks
  /** Bytes that have come and are not scanned yet: at most one line that has not ended. */
  #pending = Buffer.allocUnsafe(READ_BYTES)
  #pendingEnd = 0
  /** Where to look for the next newline from, so that a long line is not searched again with each block. */
  #searched = 0
  #bytes = 0
  #events = 0
  #rejects = 0
  #damaged = 0
  #undated = 0
  #outside = 0
  #longestLine = 0
  #longestReject = 0
  #skippingLine = false
  /** Whether the first bytes have been looked at for a byte order mark. */
  #isBegun = false
  /** Whether the last line so far that is not blank broke off within its JSON, and whether it is none. */
  #lastIsIncomplete = false
  #lastIsDamaged = false

  constructor(sinks: BodySinks) {
    this.#sinks = sinks
  }

  /** Events, or records, so far. */
  get events(): number {
    return this.#events
  }

  async take(block: Buffer): Promise<void> {
    this.#read(block)
    await this.#sinks.events.flush()
    await this.#sinks.rejects.flush()
  }

  #read(block: Buffer): void {
    this.#bytes += block.length
    this.#hold(block)
    if (!this.#isBegun && this.#pendingEnd < BYTE_ORDER_MARK.length) return
    this.#stripByteOrderMark()
    const last = this.#pending.subarray(this.#searched, this.#pendingEnd).lastIndexOf(NEWLINE)
    if (last < 0) this.#searched = this.#pendingEnd
    else this.#scanLines(this.#searched + last + 1)
    if (this.#pendingEnd > LINE_BYTES_MAX) this.#rejectLongLine()
    this.#sinks.onProgress?.(this.#bytes, this.#events)
  }

  #stripByteOrderMark(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    if (!BYTE_ORDER_MARK.every((byte, at) => at < this.#pendingEnd && this.#pending[at] === byte)) return
    this.#pending.copy(this.#pending, 0, BYTE_ORDER_MARK.length, this.#pendingEnd)
    this.#pendingEnd -= BYTE_ORDER_MARK.length
  }

  #hold(block: Buffer): void {
    // One byte more, for the newline that end() puts after a last line without one.
    const needed = this.#pendingEnd + block.length + 1
    if (needed > this.#pending.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#pending.length * 2))
      this.#pending.copy(grown, 0, 0, this.#pendingEnd)
      this.#pending = grown
    }
    block.copy(this.#pending, this.#pendingEnd)
    this.#pendingEnd += block.length
  }

  /** Scans the lines in `pending[0, until)`, each of which ends in a newline, and keeps the rest. */
  #scanLines(until: number): void {
    const bytes = this.#pending
    const { events } = this.#sinks
    const allUtf8 = isUtf8(bytes.subarray(0, until))
    let start = 0
    // Lines that stay as they are go on together, from here to the line before the one being looked at.
    let runStart = 0
    if (this.#skippingLine) {
      start = runStart = bytes.indexOf(NEWLINE) + 1
      this.#skippingLine = false
    }
    while (start < until) {
      const end = bytes.indexOf(NEWLINE, start)
      if (end - start > LINE_BYTES_MAX) {
        events.append(bytes, runStart, start)
        runStart = end + 1
        this.#rejectAsLong(bytes.subarray(start, end))
      } else if (!allUtf8 && !isUtf8(bytes.subarray(start, end))) {
        events.append(bytes, runStart, start)
        runStart = end + 1
        this.#damaged++
        this.#lastIsDamaged = true
        this.#reject(bytes.subarray(start, end), 'not valid UTF-8; the line is given in base64', 'base64')
      } else if (!this.#scanLine(bytes, start, end, runStart)) runStart = end + 1
      start = end + 1
    }
    events.append(bytes, runStart, until)
    bytes.copy(bytes, 0, until, this.#pendingEnd)
    this.#pendingEnd -= until
    this.#searched = this.#pendingEnd
  }

  /** False when the line does not stay as it is: then what came before it since `runStart` has been handed on. */
  #scanLine(bytes: Buffer, start: number, end: number, runStart: number): boolean {
    const { scanner, writer, events } = this.#sinks
    const verdict = scanner.scan(bytes, start, end)
    if (verdict !== LINE.blank) {
      this.#lastIsIncomplete = verdict === LINE.incomplete
      this.#lastIsDamaged = false
    }
    if (verdict === LINE.plain || verdict === LINE.odd) {
      this.#events++
      if (end - start > this.#longestLine) this.#longestLine = end - start
      this.#sinks.identities?.add(bytes, scanner.eventStart, scanner.eventEnd)
      this.#sinks.eventNames?.add(JSON.parse(bytes.toString('utf8', scanner.eventStart, scanner.eventEnd)))
      const { clock } = this.#sinks
      const timeFits = clock === undefined || this.#noteTime(bytes, clock)
      if (verdict === LINE.plain && timeFits) return true
      const line = writer.rewrite(bytes, start, end, timeFits)
      if (line === undefined) return true
      if (line.length > this.#longestLine) this.#longestLine = line.length
      events.append(bytes, runStart, start)
      events.append(line, 0, line.length)
      events.append(NEWLINE_BYTES, 0, 1)
      return false
    }
    events.append(bytes, runStart, start)
    if (verdict !== LINE.blank) this.#setAside(bytes.subarray(start, end))
    return false
  }

  /** Counts undated events and those outside the clock's days; false when `time` is no date a warehouse can hold. */
  #noteTime(bytes: Buffer, clock: EventClock): boolean {
    const { scanner, dayTally } = this.#sinks
    const token = scanner.timeToken
    const kind = token < 0 ? KIND.null : (scanner.kind[token] as number)
    if ((kind & (KIND.integer | KIND.double)) === 0) {
      this.#undated++
      dayTally?.note(Number.NaN)
      return kind === KIND.null
    }
    const start = scanner.valueStart[token] as number
    const end = scanner.valueEnd[token] as number
    const number = kind === KIND.integer ? integerAt(bytes, start, end) : Number(bytes.toString('latin1', start, end))
    const ms = clockMs(clock, number)
    if (ms < clock.from || ms >= clock.until) this.#outside++
    dayTally?.note(ms)
    return isStorable(ms)
  }

  #setAside(line: Buffer): void {
    const text = line.toString()
    if (announcesFailure(text))
      throw truncated(`its line ${this.#lineNumber} says ${JSON.stringify(text.trim().slice(0, 200))}`)
    this.#reject(line, this.#reasonAgainst(text, line))
  }

  #reasonAgainst(text: string, line: Buffer): string {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      this.#damaged++
      this.#lastIsDamaged = true
      return `not JSON from byte ${this.#sinks.scanner.stoppedAt - line.byteOffset + this.#pending.byteOffset} of the line`
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not a JSON object'
    if (!('event' in value)) return 'an object without event'
    if (typeof value.event !== 'string') return 'event is not a text'
    if (!('properties' in value)) return 'an object without properties'
    if (typeof value.properties !== 'object' || value.properties === null || Array.isArray(value.properties)) {
      return 'properties is not an object'
    }
    if (this.#sinks.scanner.hasRepeatedKey) return 'event or properties stands in the line twice'
    // What is left of what the scanner does not take. The line itself is a level.
    return depthOf(text) - 1 > NESTING_MAX
      ? `nested deeper than ${NESTING_MAX} levels`
      : `more than ${KEYS_PER_LINE_MAX} properties`
  }

  #reject(line: Buffer, reason: string, encoding: 'utf8' | 'base64' = 'utf8'): void {
    if (encoding === 'utf8' && line.includes(0)) {
      this.#reject(line, `${reason}; it holds NUL, so it is given in base64`, 'base64')
      return
    }
    this.#rejects++
    const entry = Buffer.from(`${JSON.stringify({ reason, line: line.toString(encoding) })}\n`)
    if (entry.length > this.#longestReject) this.#longestReject = entry.length
    this.#sinks.rejects.append(entry, 0, entry.length)
  }

  #rejectLongLine(): void {
    if (!this.#skippingLine) this.#rejectAsLong(this.#pending)
    this.#skippingLine = true
    this.#pendingEnd = 0
    this.#searched = 0
  }

  #rejectAsLong(line: Buffer): void {
    this.#lastIsIncomplete = false
    this.#lastIsDamaged = false
    this.#reject(line.subarray(0, LONG_LINE_SHOWN), `longer than ${LINE_BYTES_MAX} bytes; only its beginning is given`)
  }

  get #lineNumber(): number {
    return this.#events + this.#rejects + 1
  }

  async end(): Promise<BodySummary> {
    const summary = this.#ended()
    await this.#sinks.events.flush()
    return summary
  }

  #ended(): BodySummary {
    if (this.#skippingLine) throw cutOff(this.#events)
    this.#stripByteOrderMark()
    if (this.#pendingEnd > 0) this.#endLastLine()
    if (this.#lastIsIncomplete) throw cutOff(this.#events)
    if (this.#damaged > 0 && this.#events === 0) throw noExport()
    if (this.#lastIsDamaged && this.#sinks.mustEndInJson) throw cutOff(this.#events)
    return {
      events: this.#events,
      rejects: this.#rejects,
      bytes: this.#bytes,
      damaged: this.#damaged,
      undated: this.#undated,
      outside: this.#outside,
      longestLine: this.#longestLine,
      longestReject: this.#longestReject,
    }
  }

  /** A last line may lack its newline, but not its end. */
  #endLastLine(): void {
    const end = this.#pendingEnd
    this.#pending[end] = NEWLINE
    const verdict = isUtf8(this.#pending.subarray(0, end))
      ? this.#sinks.scanner.scan(this.#pending, 0, end)
      : LINE.incomplete
    const text = this.#pending.toString('utf8', 0, end)
    if (announcesFailure(text)) throw truncated(`it ends in ${JSON.stringify(text.slice(0, 200))}`)
    const isNoJson = verdict === LINE.unreadable && !isJson(text)
    if (isNoJson && this.#events === 0) throw noExport()
    if (verdict === LINE.incomplete || isNoJson) throw cutOff(this.#events)
    this.#pendingEnd = end + 1
    this.#scanLines(this.#pendingEnd)
  }
}

/** Bytes that the rejects keep of a line that is too long. */
const LONG_LINE_SHOWN = 1000

const NEWLINE_BYTES = Buffer.from([NEWLINE])

function integerAt(bytes: Buffer, start: number, end: number): number {
  const isNegative = bytes[start] === 0x2d
  let value = 0
  for (let at = isNegative ? start + 1 : start; at < end; at++) value = value * 10 + (bytes[at] as number) - 0x30
  return isNegative ? -value : value
}

function noExport(): MixloadError {
  return new MixloadError('BODY_UNREADABLE', 'This is no export: not one line of it is an event.')
}

function cutOff(events: number): MixloadError {
  return truncated(`its last line, after ${events} events, is cut off`)
}

function truncated(how: string): MixloadError {
  return new MixloadError('BODY_TRUNCATED', `The export is not whole: ${how}.`)
}
