import fc from 'fast-check'

/** A JSON value as it is spelled, with what is known of it because of how it was made. */
export interface Spelled {
  readonly text: string
  /** A lone surrogate or NUL is in it somewhere. */
  readonly lone: boolean
  /** It contains a number that neither a 64-bit integer nor a double holds exactly. */
  readonly precise: boolean
}

/** A key and a value, as spelled. */
export interface SpelledEntry {
  readonly key: string
  readonly value: Spelled
}

/** A line that is an event, with where everything in it comes from. */
export interface SpelledLine {
  readonly text: string
  readonly event: Spelled
  readonly properties: readonly SpelledEntry[]
  readonly extras: readonly SpelledEntry[]
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** A decimal literal as an exact fraction. */
function fraction(literal: string): readonly [bigint, bigint] {
  const match = DECIMAL.exec(literal)
  if (match === null) throw new SyntaxError(`${literal} is not a number`)
  const [, sign, whole = '', decimals = '', exponent = '0'] = match
  const power = BigInt(exponent) - BigInt(decimals.length)
  const digits = BigInt(`${whole}${decimals}`) * (sign === '-' ? -1n : 1n)
  return power < 0n ? [digits, 10n ** -power] : [digits * 10n ** power, 1n]
}

/** Whether the literal survives conversion to a double and back. */
export function survivesDouble(literal: string): boolean {
  const value = Number(literal)
  if (!Number.isFinite(value)) return false
  const [top, bottom] = fraction(literal)
  const [readTop, readBottom] = fraction(String(value))
  return top * readBottom === readTop * bottom
}

/** Whether neither a 64-bit integer nor a double holds the number to the digit. */
function needsText(literal: string): boolean {
  if (/^-?\d+$/.test(literal)) return BigInt.asIntN(64, BigInt(literal)) !== BigInt(literal)
  return !survivesDouble(literal)
}

const digits = (least: number, most: number) =>
  fc.array(fc.constantFrom(...'0123456789'), { minLength: least, maxLength: most }).map((all) => all.join(''))
const whole = fc.oneof(
  fc.constant('0'),
  fc
    .tuple(fc.constantFrom(...'123456789'), fc.oneof(digits(0, 3), digits(12, 22)))
    .map(([first, rest]) => first + rest),
)
const exponent = fc
  .tuple(
    fc.constantFrom('e', 'E'),
    fc.constantFrom('', '+', '-'),
    fc.oneof(fc.nat(30), fc.nat(400)),
    fc.constantFrom('', '0'),
  )
  .map(([letter, sign, power, zero]) => `${letter}${sign}${zero}${power}`)
const grammatical = fc
  .tuple(fc.constantFrom('', '-'), whole, fc.option(fc.oneof(digits(1, 3), digits(10, 20))), fc.option(exponent))
  .map(
    ([sign, integer, decimals, power]) => `${sign}${integer}${decimals === null ? '' : `.${decimals}`}${power ?? ''}`,
  )
const EDGES = ['-0', '0.0', '-0.0e5', '1.10', '1e5', '1E400', '-1e-400', '5e-324', '1.7976931348623157e308', '0e999']
const INTEGER_EDGES = [2n ** 53n, 2n ** 63n, 10n ** 15n, 10n ** 16n, 2n ** 64n].flatMap((edge) =>
  [edge - 1n, edge, edge + 1n].flatMap((value) => [`${value}`, `-${value}`]),
)

/** Number literals of every spelling that JSON allows. */
export const numberLiteral = fc.oneof(
  { weight: 3, arbitrary: grammatical },
  { weight: 2, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)) },
  { weight: 2, arbitrary: fc.constantFrom(...EDGES, ...INTEGER_EDGES) },
)

const number: fc.Arbitrary<Spelled> = numberLiteral.map((text) => ({ text, lone: false, precise: needsText(text) }))

const rawPiece = fc.string({ unit: 'binary', maxLength: 4 }).map((piece) => JSON.stringify(piece).slice(1, -1))
const escapePiece = fc.constantFrom(
  '\\"',
  '\\\\',
  '\\/',
  '\\b',
  '\\f',
  '\\n',
  '\\r',
  '\\t',
  '\\u0000',
  '\\u00e9',
  '\\u000A',
)
const surrogatePiece = fc.constantFrom(
  '\\ud83d\\ude00',
  '\\uD83D\\uDE00',
  '\\ud83d',
  '\\udE00',
  '\\udc00\\ud800',
  '\\uD800\\n',
)
const oddPiece = fc.constantFrom(
  '\u2028',
  '\u2029',
  '\u0085',
  '\ufeff',
  '\u007f',
  '😀',
  '日本',
  ',',
  ':',
  '}',
  '{\\"event\\":',
)

const pieces = (...arbitraries: readonly fc.Arbitrary<string>[]) =>
  fc.array(fc.oneof(...arbitraries), { maxLength: 5 }).map((all) => `"${all.join('')}"`)

/** Text literals: raw characters, every escape, halves of surrogate pairs. */
const textLiteral = fc.oneof(
  { weight: 4, arbitrary: pieces(rawPiece, oddPiece) },
  { weight: 2, arbitrary: pieces(rawPiece, escapePiece, oddPiece) },
  { weight: 1, arbitrary: pieces(rawPiece, escapePiece, surrogatePiece) },
)

const isLone = (literal: string) => {
  const value = String(JSON.parse(literal))
  return !value.isWellFormed() || value.includes('\0')
}
const text: fc.Arbitrary<Spelled> = textLiteral.map((literal) => ({
  text: literal,
  lone: isLone(literal),
  precise: false,
}))

/** What JSON allows between its parts, except for the byte that ends a line. */
const space = fc.constantFrom('', '', '', '', ' ', '\t', '\r', ' \t ')
const word: fc.Arbitrary<Spelled> = fc
  .constantFrom('true', 'false', 'null')
  .map((literal) => ({ text: literal, lone: false, precise: false }))

function nested(
  open: string,
  close: string,
  parts: readonly (readonly [string, readonly Spelled[]])[],
  gap: string,
): Spelled {
  const inside = parts.map(([spelled]) => `${gap}${spelled}${gap}`).join(',')
  const all = parts.flatMap(([, values]) => values)
  return {
    text: `${open}${inside === '' ? gap : inside}${close}`,
    lone: all.some(({ lone }) => lone),
    precise: all.some(({ precise }) => precise),
  }
}

/** Values of every kind, nested a few levels deep. */
export const { value: spelledValue } = fc.letrec<{ value: Spelled }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 3, arbitrary: number },
    { weight: 3, arbitrary: text },
    { weight: 2, arbitrary: word },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.array(tie('value'), { maxLength: 3 }), space).map(([items, gap]) =>
        nested(
          '[',
          ']',
          items.map((item) => [item.text, [item]] as const),
          gap,
        ),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.array(fc.tuple(text, tie('value')), { maxLength: 3 }), space).map(([items, gap]) =>
        nested(
          '{',
          '}',
          items.map(([key, item]) => [`${key.text}${gap}:${gap}${item.text}`, [key, item]] as const),
          gap,
        ),
      ),
    },
  ),
}))

const SYSTEM_NAMES = ['time', '$insert_id', 'distinct_id', 'event', 'properties', 'mp_lib', '$os']
const CASED_NAMES = ['plan', 'Plan', 'PLAN', 'é', 'É', 'ß', 'ẞ', 'SS', 'ſ', 's', 'K', 'k', 'İ', 'ı']
const HOSTILE_NAMES = [
  '',
  ' ',
  '~',
  '~0',
  '~1=',
  '~1!',
  '__proto__',
  'constructor',
  'a"b',
  'a\\b',
  'a\nb',
  'a\0b',
  '\ud800',
  '_line',
]

/**
 * Key literals: the names of the export, names that differ only in case, hostile ones, random ones.
 */
export const keyLiteral = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...SYSTEM_NAMES, ...CASED_NAMES).map((name) => JSON.stringify(name)) },
  { weight: 1, arbitrary: fc.constantFrom(...HOSTILE_NAMES).map((name) => JSON.stringify(name)) },
  { weight: 1, arbitrary: textLiteral },
)

const entry = fc.record<SpelledEntry>({ key: keyLiteral, value: spelledValue })
const isOwnKey = ({ key }: SpelledEntry) => ['event', 'properties'].includes(JSON.parse(key))

interface Layout {
  readonly gaps: readonly string[]
  /** Where among the top-level keys `event` and `properties` are. */
  readonly eventAt: number
  readonly propertiesAt: number
  readonly lead: string
}

const layout = fc.record<Layout>({
  gaps: fc.array(space, { minLength: 1, maxLength: 7 }),
  eventAt: fc.nat(3),
  propertiesAt: fc.nat(3),
  lead: space,
})

/** Lines that are events, in every layout, not ending in space. */
export const spelledLine: fc.Arbitrary<SpelledLine> = fc
  .record({
    event: text,
    properties: fc.array(entry, { maxLength: 8 }),
    extras: fc.oneof(
      fc.constant<SpelledEntry[]>([]),
      fc.array(
        entry.filter((key) => !isOwnKey(key)),
        { maxLength: 2 },
      ),
    ),
    layout,
  })
  .map(({ event, properties, extras, layout: { gaps, eventAt, propertiesAt, lead } }) => {
    let used = 0
    const gap = () => gaps[used++ % gaps.length] ?? ''
    const pair = (key: string, value: string) => `${gap()}${key}${gap()}:${gap()}${value}${gap()}`
    const object = (pairs: readonly string[]) => `{${pairs.length === 0 ? gap() : pairs.join(',')}}`
    const top = extras.map(({ key, value }) => pair(key, value.text))
    top.splice(eventAt, 0, pair('"event"', event.text))
    top.splice(propertiesAt, 0, pair('"properties"', object(properties.map(({ key, value }) => pair(key, value.text)))))
    return { text: `${lead}${object(top)}`, event, properties, extras }
  })

/** Whether a text is what an export line must be. */
export function isEventLine(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    if (!('event' in value) || typeof value.event !== 'string' || !('properties' in value)) return false
    const { properties } = value
    return typeof properties === 'object' && properties !== null && !Array.isArray(properties)
  } catch {
    return false
  }
}
