/** A text as UTF-8, one character per byte, and where in the text each byte comes from. */
interface Bytes {
  readonly bytes: string
  readonly starts: Int32Array
  readonly ends: Int32Array
}

const DECODERS: readonly { readonly pattern: RegExp; readonly decode: (...groups: readonly string[]) => string }[] = [
  // URLs.
  { pattern: /%([\da-f]{2})/gi, decode: (_, byte = '') => String.fromCharCode(Number.parseInt(byte, 16)) },
  // JSON and programming languages.
  {
    pattern: /\\u(d[89ab][\da-f]{2})\\u(d[c-f][\da-f]{2})|\\u([\da-f]{4})|\\x([\da-f]{2})|\\([ -~])/gi,
    decode: (_, high, low = '', unit = '', byte = '', escaped = '') => {
      if (high !== undefined) return utf8(String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)))
      const code = unit || byte
      return code === '' ? (SHORT_ESCAPES[escaped] ?? escaped) : utf8(String.fromCharCode(Number.parseInt(code, 16)))
    },
  },
  // HTML and XML.
  {
    pattern: /&(?:#(\d{1,8})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos));/gi,
    decode: (whole, decimal, hexadecimal, name) => {
      if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? ''
      const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal)
      return code <= 0x10ffff ? utf8(String.fromCodePoint(code)) : (whole ?? '')
    },
  },
]

const SHORT_ESCAPES: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r' }
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** Encodings in one another are decoded in any order, up to so many results. */
const LEVELS_MAX = 40
/** In a long text, such as a response about thousands of records, only once. */
const LONG_TEXT = 64 * 1024
const LEVELS_OF_LONG_TEXT_MAX = 1 + DECODERS.length
/** Shorter texts are too often part of others, if they are in an encoding of letters and digits. */
const ENCODED_LENGTH_MIN = 8

/**
 * Where a text has secrets: as they are, in URLs, JSON or HTML, also encoded more than once, and in
 * Base64 or hexadecimal.
 */
export function findSecrets(
  text: string,
  secrets: readonly string[],
): readonly (readonly [start: number, end: number])[] {
  const forms = secrets.flatMap((secret) => formsOf(Buffer.from(secret)))
  return levelsOf(text).flatMap((level) =>
    forms.flatMap(({ form, normalize }) => {
      const places: [number, number][] = []
      const where = normalize(level.bytes)
      for (let at = where.indexOf(form); at >= 0; at = where.indexOf(form, at + form.length)) {
        places.push([level.starts[at] ?? 0, level.ends[at + form.length - 1] ?? text.length])
      }
      return places
    }),
  )
}

/** What to look for, and in which form of the text. No form changes where a character is. */
function formsOf(secret: Buffer): readonly { readonly form: string; readonly normalize: (bytes: string) => string }[] {
  // Forms on web pages write a space as a plus.
  const spaced = (bytes: string) => bytes.replaceAll('+', ' ')
  const plain = { form: spaced(secret.toString('latin1')), normalize: spaced }
  const base64 = [0, 1, 2].map((before) => ({ form: base64Within(secret, before), normalize: inOneAlphabet }))
  const hex = { form: secret.toString('hex'), normalize: (bytes: string) => bytes.toLowerCase() }
  return [plain, ...[...base64, hex].filter(({ form }) => form.length >= ENCODED_LENGTH_MIN)]
}

/** The Base64 characters that depend on the secret alone when `before` other bytes precede it. */
function base64Within(secret: Buffer, before: number): string {
  const bytes = Buffer.concat([Buffer.alloc(before), secret])
  return bytes.toString('base64').slice(Math.ceil((before * 4) / 3), Math.floor((bytes.length * 4) / 3))
}

function inOneAlphabet(base64: string): string {
  return base64.replaceAll('-', '+').replaceAll('_', '/')
}

function levelsOf(text: string): readonly Bytes[] {
  const levels = new Map<string, Bytes>()
  const levelsMax = text.length > LONG_TEXT ? LEVELS_OF_LONG_TEXT_MAX : LEVELS_MAX
  const first = bytesOf(text)
  levels.set(first.bytes, first)
  // A map goes on to what is added meanwhile.
  for (const level of levels.values()) {
    for (const { pattern, decode } of DECODERS) {
      if (levels.size === levelsMax) return [...levels.values()]
      const decoded = decodedBytes(level, pattern, decode)
      if (decoded !== undefined && !levels.has(decoded.bytes)) levels.set(decoded.bytes, decoded)
    }
  }
  return [...levels.values()]
}

function bytesOf(text: string): Bytes {
  const bytes = utf8(text)
  const [starts, ends] = [new Int32Array(bytes.length), new Int32Array(bytes.length)]
  let [at, length] = [0, 0]
  for (const character of text) {
    for (let count = Buffer.byteLength(character); count > 0; count--) {
      starts[length] = at
      ends[length++] = at + character.length
    }
    at += character.length
  }
  return { bytes, starts, ends }
}

/** Undefined if nothing is encoded. */
function decodedBytes(from: Bytes, pattern: RegExp, decode: (...groups: string[]) => string): Bytes | undefined {
  if (from.bytes.search(pattern) < 0) return undefined
  // Decoding makes no text longer.
  const [starts, ends] = [new Int32Array(from.bytes.length), new Int32Array(from.bytes.length)]
  const parts: string[] = []
  let [end, length] = [0, 0]
  const copy = (until: number) => {
    parts.push(from.bytes.slice(end, until))
    starts.set(from.starts.subarray(end, until), length)
    ends.set(from.ends.subarray(end, until), length)
    length += until - end
  }
  for (const match of from.bytes.matchAll(pattern)) {
    copy(match.index)
    end = match.index + match[0].length
    const decoded = decode(...match)
    parts.push(decoded)
    starts.fill(from.starts[match.index] ?? 0, length, length + decoded.length)
    ends.fill(from.ends[end - 1] ?? 0, length, length + decoded.length)
    length += decoded.length
  }
  copy(from.bytes.length)
  return { bytes: parts.join(''), starts, ends }
}

function utf8(text: string): string {
  return Buffer.from(text).toString('latin1')
}
