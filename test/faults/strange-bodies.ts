/** Bodies that Mixpanel sent, or could send, and what must become of each of their lines. */
/** The `time` of ordinary events, in milliseconds. They are sent with the noon of their day. */
export const NOON = Date.parse('2026-01-01T12:00:00Z')

/** A line of an event, with properties that are to be read back as they were sent. */
export interface SentEvent {
  readonly id: string
  readonly line: string
  /** Name, and the JSON of its value. */
  readonly properties: readonly (readonly [name: string, literal: string])[]
  /**
   * The expected `time`, milliseconds; null if it is not a date; undefined for an ordinary line.
   */
  readonly time?: number | null
}

export interface StrangeBody {
  readonly name: string
  /** What is sent: lines, without their newlines. */
  readonly lines: readonly (string | Buffer)[]
  readonly events: readonly SentEvent[]
  /** Reasons of rejects, in their order. */
  readonly rejects: readonly RegExp[]
  /** Between lines, and after the last one. */
  readonly newline: string
  readonly start: Buffer
}

interface Made {
  readonly lines?: readonly (string | Buffer)[]
  readonly events?: readonly SentEvent[]
  readonly rejects?: readonly RegExp[]
  readonly newline?: string
  readonly start?: Buffer
}

let ids = 0

/** An event whose properties are these JSON texts, names included. */
function event(...properties: readonly (readonly [name: string, literal: string])[]): SentEvent {
  const id = `id-${++ids}`
  const all = properties.map(([name, literal]) => `,${name}:${literal}`).join('')
  const line = `{"event":"E","properties":{"time":${NOON},"distinct_id":"d","$insert_id":"${id}"${all}}}`
  return { id, line, properties: properties.map(([name, literal]) => [JSON.parse(name), literal]) }
}

/** An event of this `time`, as JSON, and what is to become of it; none where it is undefined. */
function dated(literal: string | undefined, time: number | null): SentEvent {
  const id = `id-${++ids}`
  const given = literal === undefined ? '' : `"time":${literal},`
  return { id, line: `{"event":"E","properties":{${given}"$insert_id":"${id}"}}`, properties: [], time }
}

function body(name: string, made: Made): StrangeBody {
  const {
    events = [],
    lines = events.map(({ line }) => line),
    rejects = [],
    newline = '\n',
    start = Buffer.alloc(0),
  } = made
  return { name, events, lines, rejects, newline, start }
}

/** A value in its own property. */
function value(name: string, literal: string): StrangeBody {
  return body(name, { events: [event([JSON.stringify(`p${ids}`), literal])] })
}

/** A property of this name, as JSON. */
function named(name: string, literal: string): StrangeBody {
  return body(`a property with ${name}`, { events: [event([literal, '"x"']), event([literal, '7'])] })
}

/** A line that is not an event, followed by an event. */
function rejected(name: string, line: string | Buffer, reason: RegExp): StrangeBody {
  const good = event()
  return body(name, { events: [good], lines: [line, good.line], rejects: [reason] })
}

const DEEP = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

const VALUES = [
  value('U+2028, U+2029, U+0085 and others that end lines elsewhere', JSON.stringify('a\u2028b\u2029c\u0085d')),
  value('control characters, escaped', '"\\u000b\\u000c\\u001c\\u001e\\u007f\\t\\r\\n"'),
  value('NUL', '"a\\u0000b"'),
  value('NUL in a list', '["a\\u0000b"]'),
  value('a lone high surrogate', '"a\\ud83d"'),
  value('a lone low surrogate', '"\\ude00z"'),
  value('surrogates the wrong way round', '"\\ude00\\ud83d"'),
  value('a lone surrogate in an object', '{"a":["\\ud83d"]}'),
  value('a pair of surrogates', '"\\ud83d\\ude00"'),
  value('noncharacters', JSON.stringify('\ufffe\uffff\u{1ffff}')),
  value('a byte order mark in a text', JSON.stringify('x\ufeffy\ufeff')),
  value('2^53 + 1', '9007199254740993'),
  value('2^63', '9223372036854775808'),
  value('-2^63 - 1', '-9223372036854775809'),
  value('400 digits', '1'.repeat(400)),
  value('10^400', '1e400'),
  value('-10^400', '-1e400'),
  value('10^-400', '1e-400'),
  value('a number with more digits than a double', '0.1234567890123456789012345'),
  value('minus zero', '-0'),
  value('1.10', '1.10'),
  value('1E5', '1E5'),
  value('the text NaN', '"NaN"'),
  value('the text null', '"null"'),
  value('the empty text', '""'),
  value('a text like a date', '"2026-02-30T25:61:61"'),
  value('a text like a Postgres array', '"{1,2}"'),
  value('a text like a CSV null and a COPY end', '"\\\\N\\n\\\\.\\n"'),
  value('quotes, commas and backslashes', JSON.stringify('"a","b";\\\'--\\')),
  value('200 levels of lists', DEEP(200)),
  value('an empty object and list', '{"a":{},"b":[]}'),
  value('a list of all kinds', '[1,1.5,"a",null,true,{"a":9007199254740993}]'),
  value('an object with keys that differ only in case, and an empty key', '{"":3,"A":2,"a":1}'),
  value('an object with __proto__', '{"__proto__":{"x":1},"constructor":2}'),
  value('a line of 1 MB', JSON.stringify('x'.repeat(1 << 20))),
  value('a line of 10 MB', JSON.stringify('ü'.repeat(5 << 20))),
  value('10,000 numbers', `[${Array.from({ length: 10_000 }, (_, at) => at).join(',')}]`),
]

const NAMES = [
  named('the empty text as its name', '""'),
  named('a space as its name', '" "'),
  named('a name of 255 characters', JSON.stringify('n'.repeat(255))),
  named('a name of 255 characters of four bytes', JSON.stringify('😀'.repeat(255))),
  named('SQL as its name', JSON.stringify('"; drop table export; --')),
  named('SQL with other quotes as its name', JSON.stringify("'; drop table `export`; /*")),
  named('the name __proto__', '"__proto__"'),
  named('the name constructor', '"constructor"'),
  named('the name hasOwnProperty', '"hasOwnProperty"'),
  named('the name event', '"event"'),
  named('the name properties', '"properties"'),
  named('the name _load_id', '"_load_id"'),
  named('the name _day', '"_day"'),
  named('the name _more', '"_more"'),
  named('the name select', '"select"'),
  named('the name x__text', '"x__text"'),
  named('a newline in its name', '"a\\nb"'),
  named('NUL in its name', '"a\\u0000b"'),
  named('half of a surrogate pair as its name', '"\\ud83d"'),
  named('U+2028 in its name', JSON.stringify('a\u2028b')),
  named('dots, slashes and braces in its name', JSON.stringify('a.b/c{d}[e]:f')),
  named('a name that is written from right to left', JSON.stringify('اسم \u202e x')),
  body('names that differ only in case', { events: [event(['"Kind"', '1'], ['"kind"', '"a"'], ['"KIND"', 'true'])] }),
  body('names that look alike', { events: [event(['"caf\\u00e9"', '1'], ['"cafe\\u0301"', '2'], ['"café "', '3'])] }),
  body('20,000 names', {
    events: Array.from({ length: 200 }, (_, of) =>
      event(...Array.from({ length: 100 }, (_, at) => [`"name ${of} ${at}"`, `${at}`] as const)),
    ),
  }),
]

const KINDS = [
  body('a property of every kind', {
    events: ['1', '"a"', 'true', '[1]', '{"a":1}', 'null', '1.5', '9007199254740993'].map((literal) =>
      event(['"of every kind"', literal]),
    ),
  }),
  body('a property whose first value is a text', {
    events: ['"a"', '1.10', 'false', '{"b":[]}'].map((literal) => event(['"text first"', literal])),
  }),
]

const LINE_ENDS = [
  body('CRLF', { events: [event(), event()], newline: '\r\n' }),
  body('blank lines between', { events: [event(), event()], newline: '\n\n  \n' }),
  body('a byte order mark at the beginning', { events: [event()], start: Buffer.from([0xef, 0xbb, 0xbf]) }),
]

const TIMES = [
  body('times at the ends of the calendar', {
    events: [
      dated('0', 0),
      dated('1', 1),
      dated('-1000', -1000),
      dated('253402300799999', 253402300799999),
      dated('253402300800000', 253402300800000),
      dated('1638316800000000', 1638316800000000),
      dated('1e30', null),
      dated('1785110733123.75', 1785110733124),
      dated('4102444800000', 4102444800000),
      // Where most events are of other days, the response is that of other days.
      ...Array.from({ length: 9 }, () => event()),
    ],
  }),
  body('times that are not valid', {
    events: [
      dated(undefined, null),
      dated('null', null),
      dated('"yesterday"', null),
      dated('{}', null),
      dated('true', null),
    ],
  }),
]

const REPEATED = event()
const DUPLICATES = [
  body('the same key twice', {
    events: [{ ...REPEATED, properties: [['twice', '"last"']] }],
    lines: [REPEATED.line.replace('}}', ',"twice":"first","twice":"last"}}')],
  }),
]

const REJECTS = [
  rejected('bytes that are not UTF-8', Buffer.from('{"event":"caf\xe9","properties":{}}', 'latin1'), /not valid UTF-8/),
  rejected('NaN', '{"event":"E","properties":{"a":NaN}}', /^not JSON from byte 31/),
  rejected('Infinity', '{"event":"E","properties":{"a":-Infinity}}', /^not JSON/),
  rejected('a raw NUL', '{"event":"E","properties":{"a":"\0"}}', /^not JSON.*NUL/),
  rejected('a raw tab in a text', '{"event":"E","properties":{"a":"\t"}}', /^not JSON/),
  rejected('single quotes', "{'event':'E','properties':{}}", /^not JSON/),
  rejected('a byte order mark after a blank line', '\n\ufeff{"event":"E","properties":{}}', /^not JSON/),
  rejected('an event without properties', '{"event":"E"}', /^not an event: it has no "properties"/),
  rejected('properties that are null', '{"event":"E","properties":null}', /^not an event: its "properties"/),
  rejected('properties without an event', '{"properties":{"time":1}}', /^not an event: it has no "event"/),
  rejected('an event that is a number', '{"event":1,"properties":{}}', /^not an event: its "event"/),
  rejected('two properties', '{"event":"E","properties":{},"properties":{}}', /twice/),
  rejected('a list', '[]', /^not a JSON object/),
  rejected('a number', '17', /^not a JSON object/),
  rejected('600 levels', `{"event":"E","properties":{"a":${DEEP(600)}}}`, /^nested deeper/),
  rejected('a line of 17 MB', `{"event":"E","properties":{"a":"${'x'.repeat(17 << 20)}"}}`, /^longer than/),
]

/** Those that every destination gets. */
export const FEW_BODIES: readonly StrangeBody[] = [
  ...VALUES.slice(0, 20),
  ...NAMES.slice(0, 10),
  ...KINDS,
  ...TIMES,
  ...REJECTS.slice(0, 8),
]

export const STRANGE_BODIES: readonly StrangeBody[] = [
  ...VALUES,
  ...NAMES,
  ...KINDS,
  ...LINE_ENDS,
  ...TIMES,
  ...DUPLICATES,
  ...REJECTS,
]
