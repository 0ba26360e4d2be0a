const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const LINE_END = Buffer.of(NEWLINE)

/** A record of a body: its value, and its bytes as sent, which keep what a value loses (the digits of numbers). */
export interface JsonRecord {
  readonly value: unknown
  /** One line that ends in 0x0A; line ends between the record's tokens have become spaces. */
  readonly line: Buffer
}

/** The records of a JSON list, or of one object. Throws a SyntaxError. */
export function listRecords(body: Buffer): JsonRecord[] {
  const parsed: unknown = JSON.parse(body.toString('utf8'))
  if (!Array.isArray(parsed)) return [{ value: parsed, line: asLine(body) }]
  const lines = elements(body)
  return parsed.map((value: unknown, index) => ({ value, line: asLine(lines[index] ?? Buffer.alloc(0)) }))
}

/**
 * The records of lines; empty lines are left out. For a line of which `quick` makes something, that stands in the place of
 * its record. Throws a SyntaxError.
 */
export function lineRecords<Quick = never>(
  body: Buffer,
  quick: (line: Buffer) => Quick | undefined = () => undefined,
): (JsonRecord | Quick)[] {
  const records: (JsonRecord | Quick)[] = []
  for (let start = 0; start < body.length; ) {
    const found = body.indexOf(NEWLINE, start)
    const end = found < 0 ? body.length : found
    const done = found < 0 ? undefined : quick(body.subarray(start, end + 1))
    if (done !== undefined) {
      records.push(done)
      start = end + 1
      continue
    }
    const text = body.toString('utf8', start, end)
    if (text.trim() !== '') {
      // Mostly the line is there as it has to be.
      const isWhole = found >= 0 && !text.includes('\r')
      const line = isWhole ? body.subarray(start, end + 1) : asLine(body.subarray(start, end))
      records.push({ value: JSON.parse(text), line })
    }
    start = end + 1
  }
  return records
}

/** The bytes of each element of a list that is known to be valid JSON. */
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

function asLine(record: Buffer): Buffer {
  const line = Buffer.concat([record, LINE_END])
  if (!record.includes(NEWLINE) && !record.includes(CARRIAGE_RETURN)) return line
  // Inside texts JSON has no raw line ends, so those found here stand between tokens.
  for (let at = 0; at < record.length; at++) {
    if (line[at] === NEWLINE || line[at] === CARRIAGE_RETURN) line[at] = SPACE
  }
  return line
}
