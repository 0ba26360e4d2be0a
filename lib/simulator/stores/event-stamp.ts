import { randomUUID } from 'node:crypto'
import { LineScanner, type LineVerdict } from '../../scan/line-scanner.ts'
import { editedLine, eventName, type LineEdit, sentMoment, timeNumber } from './event-line.ts'
import { isIdentityEvent } from './identity.ts'
import { isInFuture } from './import-rules.ts'
import { isSurelyValid } from './sure-import.ts'

const COMMA = 0x2c
const SPACE = 0x20

/** What Mixpanel never stores: who may send, and where from. */
const NOT_STORED = ['token', 'ip'] as const

/** What Mixpanel puts on, or takes off, whatever else an event has. */
const TOUCHED: ReadonlySet<string> = new Set([
  ...NOT_STORED,
  '$import',
  '$mp_api_timestamp_ms',
  'mp_processing_time_ms',
  '$insert_id',
  'time',
  'distinct_id',
  '$user_id',
  '$device_id',
])

/** An event as it is stored. */
export interface StampedEvent {
  /** Ends in 0x0A; its `time` is in milliseconds. */
  readonly line: Buffer
  readonly name: string
  readonly utcMs: number
}

/** Puts on lines of events what Mixpanel adds, and takes off what it does not keep; every other byte stays as sent. */
export class EventStamp {
  readonly #scanner = new LineScanner()
  /** Of each touched property of the line, its last token, which is the one that counts where a name repeats. */
  readonly #tokens = new Map<string, number>()

  /**
   * The stored form of a line that ends in 0x0A and holds a valid event of this name. `put` has values as JSON, of
   * properties that {@link TOUCHED} names.
   */
  stamped(name: string, line: Buffer, now: number, put: Readonly<Record<string, string>>): StampedEvent {
    this.#scan(line)
    return this.#stamp(name, line, now, put)
  }

  /** As {@link stamped}, of a line that an import takes for sure; undefined where that is not known yet. */
  sure(line: Buffer, now: number, put: Readonly<Record<string, string>>): StampedEvent | undefined {
    const verdict = this.#scan(line)
    if (!isSurelyValid({ bytes: line, scanner: this.#scanner, verdict, tokens: this.#tokens }, now)) return undefined
    const name = eventName(this.#scanner, line)
    return name.trim() === '' || isIdentityEvent(name) ? undefined : this.#stamp(name, line, now, put)
  }

  #scan(line: Buffer): LineVerdict {
    const verdict = this.#scanner.scan(line, 0, line.length - 1)
    this.#findTokens()
    return verdict
  }

  #stamp(name: string, line: Buffer, now: number, put: Readonly<Record<string, string>>): StampedEvent {
    const scanner = this.#scanner
    const time = timeNumber(scanner, line)
    const sentMs = sentMoment(time)
    const utcMs = Number.isNaN(sentMs) || isInFuture(sentMs, now) ? now : sentMs
    const values: Record<string, string> = {
      ...put,
      $mp_api_timestamp_ms: String(now),
      mp_processing_time_ms: String(now),
      ...(scanner.hasInsertId ? {} : { $insert_id: JSON.stringify(randomUUID()) }),
      ...(utcMs === time ? {} : { time: String(utcMs) }),
    }
    const removed = this.#removals(line)
    const edits: LineEdit[] = []
    let added = ''
    for (const [property, json] of Object.entries(values)) {
      const token = this.#tokens.get(property)
      if (token === undefined) added += `,${JSON.stringify(property)}:${json}`
      else edits.push({ start: this.#start(token), end: this.#end(token), text: json })
    }
    // A valid record has a property, so there is a last one to add behind.
    const last = this.#end(scanner.topLevelFrom - 1)
    const isEmpty = removed.length === scanner.topLevelFrom
    edits.push(...removed, { start: last, end: last, text: isEmpty ? added.slice(1) : added })
    edits.sort((a, b) => a.start - b.start || a.end - b.end)
    return { line: editedLine(line, 0, line.length, edits), name, utcMs }
  }

  #findTokens(): void {
    const { topLevelFrom, property, properties } = this.#scanner
    this.#tokens.clear()
    for (let token = 0; token < topLevelFrom; token++) {
      const name = properties.names[property[token] as number] as string
      if (TOUCHED.has(name)) this.#tokens.set(name, token)
    }
  }

  /** Each with the comma that separates it from what is left. */
  #removals(line: Buffer): LineEdit[] {
    const keys = new Map<number, number>()
    for (const name of NOT_STORED) {
      const token = this.#tokens.get(name)
      const key = token === undefined ? -1 : line.lastIndexOf(JSON.stringify(name), this.#start(token))
      // A name that is spelled with escapes stays: no sender writes it so.
      if (token !== undefined && key >= 0) keys.set(token, key)
    }
    const count = this.#scanner.topLevelFrom
    let firstKept = 0
    while (keys.has(firstKept)) firstKept++
    return [...keys].map(([token, start]) => {
      const end = this.#end(token)
      // Those before the first that stays take the comma behind them, the others the one before.
      if (token > firstKept) return { start: before(line, start), end, text: '' }
      return { start, end: token === count - 1 ? end : after(line, end), text: '' }
    })
  }

  #start(token: number): number {
    return this.#scanner.valueStart[token] as number
  }

  #end(token: number): number {
    return this.#scanner.valueEnd[token] as number
  }
}

function after(line: Buffer, at: number): number {
  let next = at
  while (line[next] === SPACE) next++
  return line[next] === COMMA ? next + 1 : at
}

function before(line: Buffer, at: number): number {
  let previous = at - 1
  while (line[previous] === SPACE) previous--
  return line[previous] === COMMA ? previous : at
}
