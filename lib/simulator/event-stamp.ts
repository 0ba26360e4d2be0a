import { randomUUID } from 'node:crypto'
import { LineScanner } from '../infer/scan.ts'
import { editedLine, type LineEdit, sentMoment, timeNumber } from './event-line.ts'
import { isInFuture } from './import-rules.ts'

const COMMA = 0x2c
const SPACE = 0x20

/** What Mixpanel never stores: who may send, and where from. */
const NOT_STORED = ['token', 'ip'] as const

/** Puts on lines of events what Mixpanel adds, and takes off what it does not keep; every other byte stays as sent. */
export class EventStamp {
  readonly #scanner = new LineScanner()

  /** The stored form of a line that ends in 0x0A and holds a valid event. `put` has further properties as JSON. */
  stamped(line: Buffer, now: number, put: Readonly<Record<string, string>>): Buffer {
    const scanner = this.#scanner
    scanner.scan(line, 0, line.length - 1)
    const time = timeNumber(scanner, line)
    const isUndated = Number.isNaN(time) || isInFuture(sentMoment(time), now)
    const values: Record<string, string> = {
      ...put,
      $mp_api_timestamp_ms: String(now),
      mp_processing_time_ms: String(now),
      ...(scanner.hasInsertId ? {} : { $insert_id: JSON.stringify(randomUUID()) }),
      ...(isUndated ? { time: String(now) } : {}),
    }
    const removed = this.#removals(line)
    const edits: LineEdit[] = []
    let added = ''
    for (const [name, json] of Object.entries(values)) {
      const token = this.#tokenOf(name)
      if (token === undefined) added += `,${JSON.stringify(name)}:${json}`
      else edits.push({ start: this.#start(token), end: this.#end(token), text: json })
    }
    // A valid record has a property, so there is a last one to add behind.
    const last = this.#end(scanner.topLevelFrom - 1)
    const isEmpty = removed.length === scanner.topLevelFrom
    edits.push(...removed, { start: last, end: last, text: isEmpty ? added.slice(1) : added })
    edits.sort((a, b) => a.start - b.start || a.end - b.end)
    return editedLine(line, 0, line.length, edits)
  }

  /** Each with the comma that separates it from what is left. */
  #removals(line: Buffer): LineEdit[] {
    const keyOf = (token: number) => line.lastIndexOf(JSON.stringify(this.#nameOf(token)), this.#start(token))
    const found = NOT_STORED.map((name) => this.#tokenOf(name)).filter((token) => token !== undefined)
    // A name that is spelled with escapes stays: no sender writes it so.
    const tokens = found.filter((token) => keyOf(token) >= 0)
    const isRemoved = (token: number) => tokens.includes(token)
    const count = this.#scanner.topLevelFrom
    const firstKept = Array.from({ length: count }, (_, token) => token).find((token) => !isRemoved(token)) ?? count
    return tokens.map((token) => {
      const [start, end] = [keyOf(token), this.#end(token)]
      // Those before the first that stays take the comma behind them, the others the one before.
      if (token < firstKept && firstKept < count) return { start, end: after(line, end), text: '' }
      if (token > firstKept) return { start: before(line, start), end, text: '' }
      return { start, end: token === count - 1 ? end : after(line, end), text: '' }
    })
  }

  /** The last token of a property, which is the one that counts where a name repeats. */
  #tokenOf(name: string): number | undefined {
    for (let token = this.#scanner.topLevelFrom - 1; token >= 0; token--) {
      if (this.#nameOf(token) === name) return token
    }
    return undefined
  }

  #nameOf(token: number): string | undefined {
    return this.#scanner.properties.names[this.#scanner.property[token] as number]
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
