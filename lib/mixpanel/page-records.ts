import { MixloadError } from '../core/errors.ts'
import {
  BACKSLASH,
  CLOSE_LIST,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  MINUS,
  NEWLINE,
  NINE,
  OPEN_LIST,
  OPEN_OBJECT,
  QUOTE,
  skipSpace,
  ZERO,
} from '../scan/json-bytes.ts'
import { refusalError } from './response-errors.ts'

const SPACE = 0x20

export interface ProfilePage {
  /** The members beside the results, such as `session_id`, `total` and `page_size`. */
  readonly envelope: Readonly<Record<string, unknown>>
  readonly count: number
  /** The results, one per line. */
  readonly lines: Buffer
}

export interface PageOptions {
  readonly what: string
  /** A member, as JSON (`"name":value`), that replaces the properties of every profile. */
  readonly insteadOfProperties?: string | undefined
}

/**
 * Splits a response of the profile query, `{"results":[{"$distinct_id":…,"$properties":{…}},…],…}`,
 * into lines without parsing values, so that no digit is lost. A numeric id becomes a text, and a
 * profile without properties gets empty ones; the reader of the lines checks everything else.
 * `room` is memory to reuse for the lines. @throws MixloadError BODY_TRUNCATED if it breaks off;
 * BODY_UNREADABLE if it is not such a response; for an `error` in it, by its meaning.
 */
export function profilePage(body: Buffer, options: PageOptions, room?: ArrayBuffer): ProfilePage {
  return new PageSplitter(body, options, room).page()
}

/** The position of a member of a result. */
interface Span {
  readonly from: number
  readonly until: number
}

/** Bytes that replace a span in a line. */
interface Edit extends Span {
  readonly text: Buffer
}

function insertion(at: number, text: Buffer): Edit {
  return { from: at, until: at, text }
}

class PageSplitter {
  readonly #bytes: Buffer
  readonly #end: number
  readonly #what: string
  readonly #instead: Buffer | undefined
  readonly #lines: LineBuffer
  #at = 0
  #count = 0

  constructor(body: Buffer, { what, insteadOfProperties }: PageOptions, room: ArrayBuffer | undefined) {
    this.#bytes = body
    this.#end = body.length
    this.#what = what
    this.#instead = insteadOfProperties === undefined ? undefined : Buffer.from(`{${insteadOfProperties}}`)
    this.#lines = new LineBuffer(insteadOfProperties === undefined ? body.length : 0, body.includes(NEWLINE), room)
  }

  page(): ProfilePage {
    const envelope: Record<string, unknown> = {}
    let hasResults = false
    this.#space()
    if (this.#byte() !== OPEN_OBJECT) throw this.#unreadable()
    for (const key of this.#members()) {
      const name = String(this.#json(key))
      if (name === 'results' && this.#bytes[this.#at] === OPEN_LIST) {
        hasResults = true
        this.#results()
      } else envelope[name] = this.#json(this.#value())
    }
    this.#space()
    if (this.#at < this.#end) throw this.#unreadable()
    if (typeof envelope.error === 'string' && envelope.error !== '') {
      throw refusalError({ status: 200, body: this.#bytes.toString(), request: this.#what, retryAfter: undefined })
    }
    if (!hasResults) throw this.#unreadable()
    return { envelope, count: this.#count, lines: this.#lines.taken() }
  }

  #results(): void {
    for (const _ of this.#items(CLOSE_LIST)) {
      this.#result()
      this.#count++
    }
  }

  #result(): void {
    const from = this.#at
    if (this.#byte() === OPEN_OBJECT) {
      let id: Span | undefined
      let properties: Span | undefined
      for (const key of this.#members()) {
        const value = this.#value()
        if (this.#is(key, ID)) id = value
        else if (this.#is(key, PROPERTIES)) properties = value
      }
      this.#profile({ from, until: this.#at }, id, properties)
    } else this.#lines.add(this.#bytes, this.#value())
    this.#lines.endLine(this.#what)
  }

  /** Adds a result that is an object. An object that is not a profile stays unchanged. */
  #profile(result: Span, id: Span | undefined, properties: Span | undefined): void {
    const kind = id === undefined ? 'other' : this.#idKind(id)
    const edits: Edit[] = []
    if (id !== undefined && kind !== 'other') {
      if (this.#instead !== undefined) {
        this.#addMember(id, kind === 'number', this.#instead)
        return
      }
      if (kind === 'number') edits.push(insertion(id.from, QUOTE_BYTE), insertion(id.until, QUOTE_BYTE))
      if (properties === undefined) edits.push(insertion(result.until - 1, NO_PROPERTIES_MEMBER))
      else if (this.#bytes[properties.from] === SMALL_N) edits.push({ ...properties, text: NO_PROPERTIES })
    }
    let at = result.from
    for (const { from, until, text } of edits.sort((a, b) => a.from - b.from)) {
      this.#lines.add(this.#bytes, { from: at, until: from })
      this.#lines.put(text)
      at = until
    }
    this.#lines.add(this.#bytes, { from: at, until: result.until })
  }

  /** Adds a profile with only its id and these properties. */
  #addMember(id: Span, isNumber: boolean, properties: Buffer): void {
    const lines = this.#lines
    lines.put(OPEN_ID)
    if (isNumber) lines.put(QUOTE_BYTE)
    lines.add(this.#bytes, id)
    if (isNumber) lines.put(QUOTE_BYTE)
    lines.put(OPEN_PROPERTIES)
    lines.put(properties)
    lines.put(CLOSE)
  }

  #idKind({ from }: Span): 'text' | 'number' | 'other' {
    const byte = this.#bytes[from] as number
    if (byte === QUOTE) return 'text'
    return byte === MINUS || (byte >= ZERO && byte <= NINE) ? 'number' : 'other'
  }

  /** The keys of an object whose `{` is next. After each one its value must be read. */
  *#members(): Generator<Span, void, undefined> {
    for (const _ of this.#items(CLOSE_OBJECT)) {
      if (this.#byte() !== QUOTE) throw this.#unreadable()
      const key = this.#value()
      this.#space()
      this.#expect(COLON)
      this.#space()
      yield key
    }
  }

  /** Yields before each item of the list or object that begins here. The item must be read then. */
  *#items(close: number): Generator<void, void, undefined> {
    this.#at++
    this.#space()
    if (this.#byte() === close) {
      this.#at++
      return
    }
    for (;;) {
      yield
      this.#space()
      const byte = this.#byte()
      this.#at++
      if (byte === close) return
      if (byte !== COMMA) throw this.#unreadable()
      this.#space()
    }
  }

  /** Skips a value. Only brackets and quotes are checked. */
  #value(): Span {
    const bytes = this.#bytes
    const from = this.#at
    const first = this.#byte()
    if (first === QUOTE) this.#at = this.#afterText(from + 1)
    else if (first === OPEN_OBJECT || first === OPEN_LIST) this.#at = this.#afterNested(from + 1)
    else {
      let at = from
      while (at < this.#end && IN_WORDS[bytes[at] as number] === 1) at++
      if (at === from) throw this.#unreadable()
      this.#at = at
    }
    return { from, until: this.#at }
  }

  /** The position after a text whose opening quote is before `from`. */
  #afterText(from: number): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = from
    while (at < end) {
      const byte = bytes[at] as number
      if (byte === QUOTE) return at + 1
      at += byte === BACKSLASH ? 2 : 1
    }
    throw this.#cutOff()
  }

  /** The position after a list or object whose opening bracket is before `from`. */
  #afterNested(from: number): number {
    const bytes = this.#bytes
    const end = this.#end
    let depth = 1
    let at = from
    while (at < end) {
      const byte = bytes[at++] as number
      if (NESTING[byte] === 0) continue
      if (byte === QUOTE) {
        // The loop of #afterText, inlined because nearly all bytes of a page pass here.
        for (;;) {
          if (at >= end) throw this.#cutOff()
          const inner = bytes[at++] as number
          if (inner === QUOTE) break
          if (inner === BACKSLASH) at++
        }
      } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++
      else if (--depth === 0) return at
    }
    throw this.#cutOff()
  }

  #space(): void {
    this.#at = skipSpace(this.#bytes, this.#at, this.#end)
  }

  #byte(): number {
    if (this.#at >= this.#end) throw this.#cutOff()
    return this.#bytes[this.#at] as number
  }

  #expect(byte: number): void {
    if (this.#byte() !== byte) throw this.#unreadable()
    this.#at++
  }

  #is({ from, until }: Span, literal: Buffer): boolean {
    if (until - from !== literal.length) return false
    // Byte by byte: a call of `compare` takes longer than the few bytes of a key.
    for (let at = 0; at < literal.length; at++) if (this.#bytes[from + at] !== literal[at]) return false
    return true
  }

  #json({ from, until }: Span): unknown {
    try {
      return JSON.parse(this.#bytes.toString('utf8', from, until))
    } catch {
      this.#at = from
      throw this.#unreadable()
    }
  }

  #cutOff(): MixloadError {
    return new MixloadError(
      'BODY_TRUNCATED',
      `The response is not complete: ${this.#what} breaks off after ${this.#count} results, at byte ${this.#end}.`,
    )
  }

  #unreadable(): MixloadError {
    const shown = this.#bytes.toString('utf8', this.#at, this.#at + 40)
    return new MixloadError(
      'BODY_UNREADABLE',
      `The response is not valid: expected ${this.#what}, found ${JSON.stringify(shown)} at byte ${this.#at}.`,
    )
  }
}

/** Copying up to this many bytes one by one is faster than a call. */
const SHORT = 48

class LineBuffer {
  #bytes: Buffer
  readonly #mayBreakLines: boolean
  #end = 0
  #lineStart = 0

  /** `bytes`: initial size. `mayBreakLines`: whether added bytes may contain newlines. */
  constructor(bytes: number, mayBreakLines: boolean, room = new ArrayBuffer(0)) {
    this.#bytes = Buffer.from(room)
    this.#mayBreakLines = mayBreakLines
    this.#makeRoom(bytes + 1024)
  }

  put(piece: Buffer): void {
    this.add(piece, { from: 0, until: piece.length })
  }

  add(bytes: Buffer, { from, until }: Span): void {
    const length = until - from
    this.#makeRoom(length)
    if (length > SHORT) bytes.copy(this.#bytes, this.#end, from, until)
    else for (let at = 0; at < length; at++) this.#bytes[this.#end + at] = bytes[from + at] as number
    this.#end += length
  }

  /** Ends the line, which may hold newlines between its tokens, but not within texts. */
  endLine(what: string): void {
    if (this.#mayBreakLines) this.#joinLines(what)
    this.put(NEWLINE_BYTE)
    this.#lineStart = this.#end
  }

  #joinLines(what: string): void {
    let isText = false
    for (let at = this.#lineStart; at < this.#end; at++) {
      const byte = this.#bytes[at]
      if (byte === QUOTE) isText = !isText
      else if (byte === BACKSLASH && isText) at++
      else if (byte === NEWLINE) {
        if (isText) {
          const message = `The response is not valid: ${what} has a line break within a text.`
          throw new MixloadError('BODY_UNREADABLE', message)
        }
        this.#bytes[at] = SPACE
      }
    }
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#end + bytes))
    this.#bytes.copy(grown, 0, 0, this.#end)
    this.#bytes = grown
  }

  taken(): Buffer {
    return this.#bytes.subarray(0, this.#end)
  }
}

/** 1 for bytes of numbers and of the words true, false and null, however misspelt. */
const IN_WORDS = new Uint8Array(256)
for (const character of '+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')
  IN_WORDS[character.charCodeAt(0)] = 1

/** 1 for bytes that open or close lists, objects and texts. */
const NESTING = new Uint8Array(256)
for (const byte of [QUOTE, OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST]) NESTING[byte] = 1

const SMALL_N = 0x6e
const ID = Buffer.from('"$distinct_id"')
const PROPERTIES = Buffer.from('"$properties"')
const OPEN_ID = Buffer.from('{"$distinct_id":')
const OPEN_PROPERTIES = Buffer.from(',"$properties":')
const NO_PROPERTIES = Buffer.from('{}')
const NO_PROPERTIES_MEMBER = Buffer.from(',"$properties":{}')
const CLOSE = Buffer.from('}')
const QUOTE_BYTE = Buffer.from('"')
const NEWLINE_BYTE = Buffer.from('\n')
