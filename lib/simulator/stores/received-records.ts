import { linesIn } from './line-blocks.ts'

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const LINE_END = Buffer.of(NEWLINE)

/** A record of a request body: its value, and its bytes, with all digits of its numbers. */
export interface ReceivedRecord {
  readonly value: unknown
  /** One line that ends in 0x0A. Line ends between tokens were replaced by spaces. */
  readonly line: Buffer
}

/** The value of a record that is an event. */
export interface EventRecord {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** Parses a JSON list of records, or a single record. Throws a SyntaxError. */
export function parseJsonBody(body: Buffer): ReceivedRecord[] {
  const parsed: unknown = JSON.parse(body.toString('utf8'))
  if (!Array.isArray(parsed)) return [{ value: parsed, line: toLine(body) }]
  const lines = elements(body)
  return parsed.map((value: unknown, index) => ({ value, line: toLine(lines[index] ?? Buffer.alloc(0)) }))
}

/** Parses the lines of JSON for which `parseFast` returns nothing. Throws a SyntaxError. */
export function parseLines<Fast = never>(
  body: Buffer,
  parseFast: (line: Buffer) => Fast | undefined = () => undefined,
): (ReceivedRecord | Fast)[] {
  const records: (ReceivedRecord | Fast)[] = []
  const lines = body.at(-1) === NEWLINE ? body : Buffer.concat([body, LINE_END])
  for (const line of linesIn(lines)) {
    const fast = parseFast(line)
    const text = fast === undefined ? line.toString() : ''
    if (fast !== undefined) records.push(fast)
    // Most lines can be used without a copy.
    else if (text.trim() !== '') {
      records.push({ value: JSON.parse(text), line: text.includes('\r') ? toLine(line.subarray(0, -1)) : line })
    }
  }
  return records
}

/** Returns the bytes of each element of a valid JSON list. */
function elements(body: Buffer): Buffer[] {
  const found: Buffer[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (byte === QUOTE) at = closingQuote(body, at + 1)
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth === 1) start = at + 1
    } else if (byte === 0x5d || byte === 0x7d) {
      if (--depth === 0) found.push(body.subarray(start, at))
    } else if (byte === COMMA && depth === 1) {
      found.push(body.subarray(start, at))
      start = at + 1
    }
  }
  return found
}

function closingQuote(body: Buffer, from: number): number {
  let at = from
  while (at < body.length && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1
  return at
}

function toLine(record: Buffer): Buffer {
  if (!record.includes(NEWLINE) && !record.includes(CARRIAGE_RETURN)) return Buffer.concat([record, LINE_END])
  // JSON texts have no raw line ends, so all of these are between tokens.
  return Buffer.from(`${record.toString('latin1').replace(/[\r\n]/g, ' ')}\n`, 'latin1')
}
