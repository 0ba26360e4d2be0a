import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../lib/core/errors.ts'
import { bodyOf, dayAt, idsOf, sliceAt } from './day-events.ts'
import { type Closing, chunked, cut, FaultServer, headOf, refusal, type Step, whole } from './fault-server.ts'
import { Pipeline } from './pipeline.ts'

const PER_DAY = 40
const BODY = bodyOf(dayAt(0), PER_DAY)
const COMPRESSED = gzipSync(BODY)
const PLAIN = { framing: 'length', gzip: false } as const
const GZIP = { framing: 'length', gzip: true } as const
const IN_CHUNKS = { framing: 'chunked', gzip: true } as const

const END: Step = { close: 'end' }
const RESET: Step = { close: 'reset' }
const SILENCE: Step = { hang: true }
/**
 * How long a server may be silent. A machine with much else to do may be silent for a while, too.
 */
const ENDS_SILENCE = { idleTimeoutMs: 2500 }

/** A gzip answer of these bytes, whole as far as HTTP can tell. */
function compressedAs(bytes: Buffer): readonly Step[] {
  return [headOf(GZIP, bytes.length), bytes]
}

function withByte(bytes: Buffer, at: number, byte: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at < 0 ? bytes.length + at : at] = byte
  return changed
}

const FIRST_ANSWERS: readonly (readonly [name: string, steps: readonly Step[], code: ErrorCode | 'none'])[] = [
  ['a connection that ends before the first byte', [END], 'NETWORK_FAILED'],
  ['a connection reset before the first byte', [RESET], 'NETWORK_FAILED'],
  ['something that is not HTTP', ['220 mail.example.com ESMTP\r\n'], 'NETWORK_FAILED'],
  ['half a head', ['HTTP/1.1 200 OK\r\ncontent-ty', END], 'NETWORK_FAILED'],
  ['a head that never ends', ['HTTP/1.1 200 OK\r\n', SILENCE], 'NETWORK_FAILED'],
  ['a head of a megabyte', [headOf({ ...PLAIN, headers: { x: 'x'.repeat(1e6) } }, 0)], 'NETWORK_FAILED'],
  ['silence instead of an answer', [SILENCE], 'NETWORK_FAILED'],
  ['a head and then silence', [headOf(GZIP, COMPRESSED.length), SILENCE], 'CONNECTION_CUT'],
  [
    'half a body and then silence',
    [headOf(GZIP, COMPRESSED.length), COMPRESSED.subarray(0, 99), SILENCE],
    'CONNECTION_CUT',
  ],
  ['a body cut by the end of the connection', cut(BODY, GZIP, 200, 'end'), 'CONNECTION_CUT'],
  ['a body cut by a reset', cut(BODY, IN_CHUNKS, 200, 'reset'), 'CONNECTION_CUT'],
  ['a content-length that is too long', [headOf(PLAIN, BODY.length + 9), BODY, END], 'CONNECTION_CUT'],
  ['a content-length that ends within a line', [headOf(PLAIN, BODY.length - 9), BODY], 'BODY_TRUNCATED'],
  ['a content-length that ends within gzip', [headOf(GZIP, COMPRESSED.length - 9), COMPRESSED], 'BODY_TRUNCATED'],
  [
    'chunks without the last one',
    [headOf(IN_CHUNKS, 0), chunked(COMPRESSED, 64).subarray(0, -5), END],
    'CONNECTION_CUT',
  ],
  ['a chunk whose length is not a number', [headOf(IN_CHUNKS, 0), 'zz\r\n', COMPRESSED], 'CONNECTION_CUT'],
  ['gzip with a bad checksum', compressedAs(withByte(COMPRESSED, -6, 0xaa)), 'BODY_UNREADABLE'],
  ['gzip with a wrong length in its end', compressedAs(withByte(COMPRESSED, -1, 0x7f)), 'BODY_UNREADABLE'],
  [
    'gzip with a bad block in its middle',
    compressedAs(withByte(COMPRESSED, 60, COMPRESSED[60] === 0 ? 1 : 0)),
    'BODY_UNREADABLE',
  ],
  ['gzip whose end is missing', compressedAs(COMPRESSED.subarray(0, -8)), 'BODY_TRUNCATED'],
  [
    'gzip with something else after it',
    compressedAs(Buffer.concat([COMPRESSED, Buffer.from('oops')])),
    'BODY_UNREADABLE',
  ],
  [
    'a second gzip member that is cut',
    compressedAs(Buffer.concat([COMPRESSED, COMPRESSED.subarray(0, 50)])),
    'BODY_TRUNCATED',
  ],
  ['a plain body that is said to be gzip', compressedAs(Buffer.from(BODY)), 'BODY_UNREADABLE'],
  ['gzip that is not said to be gzip', [headOf(PLAIN, COMPRESSED.length), COMPRESSED], 'BODY_TRUNCATED'],
  [
    'a compression that was not requested',
    [headOf({ ...PLAIN, headers: { 'content-encoding': 'br' } }, BODY.length), BODY],
    'BODY_UNREADABLE',
  ],
  ['an HTML error page with status 200', whole('<html><body>Bad gateway</body></html>\n', PLAIN), 'BODY_UNREADABLE'],
  ['lines and then an HTML error page', whole(`${BODY}<html>\n<h1>502</h1>\n</html>\n`, PLAIN), 'BODY_TRUNCATED'],
  ['lines and then a plain error', whole(`${BODY}upstream connect error\n`, PLAIN), 'BODY_TRUNCATED'],
  ['500', refusal('500 Internal Server Error', 'oops'), 'SERVER_FAILED'],
  ['503 with a body that is cut', cut('x'.repeat(100), { ...PLAIN, status: '503 no' }, 10, 'end'), 'SERVER_FAILED'],
  ['202', refusal('202 Accepted', BODY), 'SERVER_FAILED'],
  ['203', refusal('203 Non-Authoritative Information', BODY), 'SERVER_FAILED'],
  ['204', ['HTTP/1.1 204 No Content\r\n\r\n'], 'SERVER_FAILED'],
  ['206', refusal('206 Partial Content', BODY.slice(0, 300)), 'SERVER_FAILED'],
  ['408', refusal('408 Request Timeout'), 'SERVER_FAILED'],
  ['429', refusal('429 Too Many Requests', '', { 'retry-after': '0' }), 'RATE_LIMITED'],
]

describe('a first answer that cannot be trusted is discarded, and the next one is loaded', () => {
  it.each(FIRST_ANSWERS)('%s', async (_, steps, code) => {
    await using server = await FaultServer.start(({ before }) => (before === 0 ? steps : whole(BODY, GZIP)))
    await using pipeline = await Pipeline.create()
    const slices = [sliceAt(0)]
    const summary = await pipeline.run({ url: server.url, slices, ...(steps.includes(SILENCE) ? ENDS_SILENCE : {}) })
    expect(summary).toMatchObject({ rows: PER_DAY, rejects: 0, requests: 2, skippedSlices: [] })
    expect(pipeline.events.flatMap((event) => (event.kind === 'retry' ? [event.error.code] : []))).toEqual([code])
    const { rows, ledger } = await pipeline.stored()
    expect(rows.map((row) => row.mp_insert_id)).toEqual(idsOf(dayAt(0), PER_DAY))
    expect(ledger).toMatchObject([{ rowCount: PER_DAY, rejectCount: 0, requestCount: 2 }])
  })
})

const ODD_ANSWERS: readonly (readonly [name: string, steps: readonly Step[]])[] = [
  ['two gzip members', compressedAs(Buffer.concat([gzipSync(BODY.slice(0, 500)), gzipSync(BODY.slice(500))]))],
  [
    'a gzip member for each byte',
    compressedAs(Buffer.concat([...Buffer.from(BODY)].map((byte) => gzipSync(Buffer.of(byte))))),
  ],
  ['gzip padded with zeros', compressedAs(Buffer.concat([COMPRESSED, Buffer.alloc(600)]))],
  ['chunks of one byte', [headOf(IN_CHUNKS, 0), chunked(COMPRESSED, 1)]],
  [
    'bytes that come in one by one',
    [
      headOf(GZIP, COMPRESSED.length),
      ...[...COMPRESSED].flatMap((byte): readonly Step[] => [Buffer.of(byte), { pause: 2 }]),
    ],
  ],
  [
    'a body that takes longer than the longest silence allowed',
    [
      headOf(GZIP, COMPRESSED.length),
      ...Array.from(
        { length: 8 },
        (_, at): Step => COMPRESSED.subarray((at * COMPRESSED.length) / 8, ((at + 1) * COMPRESSED.length) / 8),
      ).flatMap((part): readonly Step[] => [part, { pause: 400 }]),
    ],
  ],
  [
    'an encoding in capitals',
    [headOf({ ...PLAIN, headers: { 'Content-Encoding': 'GZIP' } }, COMPRESSED.length), COMPRESSED],
  ],
  ['a last line without newline', whole(BODY.slice(0, -1), GZIP)],
  ['103 Early Hints first', ['HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n', ...whole(BODY, GZIP)]],
]

describe('an answer that is odd, but whole, is loaded at once', () => {
  it.each(ODD_ANSWERS)('%s', async (_, steps) => {
    await using server = await FaultServer.start(() => steps)
    await using pipeline = await Pipeline.create()
    const summary = await pipeline.run({ url: server.url, slices: [sliceAt(0)], ...ENDS_SILENCE })
    expect(summary).toMatchObject({ rows: PER_DAY, rejects: 0, requests: 1 })
    const { rows, ledger } = await pipeline.stored()
    expect(rows.map((row) => row.mp_insert_id)).toEqual(idsOf(dayAt(0), PER_DAY))
    expect(ledger).toMatchObject([{ rowCount: PER_DAY, requestCount: 1 }])
  })
})

describe('a large body that breaks off while the disk is slow', () => {
  it.each<[Closing, boolean]>([
    ['reset', true],
    ['reset', false],
    ['end', true],
    ['end', false],
  ])('by %s, connection: close %s', async (close, says) => {
    const body = bodyOf(dayAt(0), 20_000, { note: 'x'.repeat(1000) })
    const form = { framing: 'chunked', gzip: false, close: says } as const
    await using server = await FaultServer.start(({ before }) =>
      before < 3 ? cut(body, form, 8_000_000 + before * 1_000_003, close) : whole(body, form),
    )
    await using pipeline = await Pipeline.create()
    const summary = await pipeline.run({ url: server.url, slices: [sliceAt(0)] })
    expect(summary).toMatchObject({ rows: 20_000, requests: 4 })
    const { ledger } = await pipeline.stored()
    expect(ledger).toMatchObject([{ rowCount: 20_000, byteCount: body.length }])
  })
})

describe('a day that never arrives whole', () => {
  const days = [0, 1, 2].map(sliceAt)

  it.each<[string, readonly Step[], ErrorCode]>([
    ['its connection breaks', cut(BODY, GZIP, 200, 'reset'), 'CONNECTION_CUT'],
    ['its gzip is damaged', compressedAs(withByte(COMPRESSED, -6, 0xaa)), 'BODY_UNREADABLE'],
    ['it is a page of HTML', whole('<html>', PLAIN), 'BODY_UNREADABLE'],
    ['it ends within a line', whole(BODY.slice(0, -20), PLAIN), 'BODY_TRUNCATED'],
  ])('because %s: is skipped, and the others are loaded', async (_, steps, code) => {
    await using server = await FaultServer.start(({ day, path }) => {
      if (path.endsWith('/names')) return whole('["Bought","Seen"]', PLAIN)
      return day === dayAt(1) ? steps : whole(bodyOf(day, PER_DAY), GZIP)
    })
    await using pipeline = await Pipeline.create()
    const { rows, skippedSlices } = await pipeline.run({ url: server.url, slices: days })
    expect(rows).toBe(2 * PER_DAY)
    expect(skippedSlices).toMatchObject([{ slice: sliceAt(1), error: { code } }])
    const { ledger } = await pipeline.stored()
    expect(ledger.map(({ firstDay }) => firstDay)).toEqual([dayAt(0), dayAt(2)])
  })

  it('is not requested by the event names seen so far if the list of names is not available', async () => {
    await using server = await FaultServer.start(({ day, path, query }) => {
      if (path.endsWith('/names')) return refusal('500 Internal Server Error')
      if (day === dayAt(1) && !query.has('event')) return whole(`${BODY.slice(0, 300)}\nterminated early\n`, PLAIN)
      return whole(bodyOf(day, PER_DAY), GZIP)
    })
    await using pipeline = await Pipeline.create()
    const { skippedSlices } = await pipeline.run({ url: server.url, slices: days })
    expect(skippedSlices).toMatchObject([{ slice: sliceAt(1), error: { code: 'BODY_TRUNCATED' } }])
    expect(skippedSlices[0]?.error.message).toContain('list of event names')
    expect((await pipeline.stored()).ledger.map(({ firstDay }) => firstDay)).toEqual([dayAt(0), dayAt(2)])
  })
})

describe('an answer that only the end of the connection ends', () => {
  const form = { framing: 'close', gzip: false } as const

  it('is requested until two are equal', async () => {
    const cutAt = (lines: number) =>
      whole(
        BODY.split('\n')
          .slice(0, lines)
          .map((line) => `${line}\n`)
          .join(''),
        form,
      )
    await using server = await FaultServer.start(
      ({ before }) => [cutAt(3), cutAt(7), whole(BODY, form)][before] ?? whole(BODY, form),
    )
    await using pipeline = await Pipeline.create()
    expect(await pipeline.run({ url: server.url, slices: [sliceAt(0)] })).toMatchObject({ rows: PER_DAY, requests: 4 })
    expect(pipeline.events).toContainEqual({
      kind: 'warning',
      message: expect.stringContaining('does not say where it ends'),
    })
  })

  it.each(['identity', 'gzip', 'deflate', 'chunked, identity', 'nonsense', 'CHUNKED, gzip'])(
    'is one whose Transfer-Encoding is %s: a cut one is not loaded',
    async (encoding) => {
      const answer = (lines: number): readonly Step[] => [
        `HTTP/1.1 200 OK\r\ntransfer-encoding: ${encoding}\r\n\r\n`,
        `${BODY.split('\n').slice(0, lines).join('\n')}\n`,
        END,
      ]
      await using server = await FaultServer.start(({ before }) => answer(before === 0 ? 7 : PER_DAY))
      await using pipeline = await Pipeline.create()
      expect(await pipeline.run({ url: server.url, slices: [sliceAt(0)] })).toMatchObject({
        rows: PER_DAY,
        requests: 3,
      })
    },
  )

  it('is skipped if it is never the same twice', async () => {
    await using server = await FaultServer.start(({ before }) => whole(bodyOf(dayAt(0), before + 1), form))
    await using pipeline = await Pipeline.create()
    const { rows, skippedSlices } = await pipeline.run({ url: server.url, slices: [sliceAt(0)] })
    expect(rows).toBe(0)
    expect(skippedSlices).toMatchObject([{ error: { code: 'BODY_TRUNCATED' } }])
    expect((await pipeline.stored()).ledger).toEqual([])
  })

  it.each([
    [
      'gzip of nothing at all',
      whole('', { framing: 'length', gzip: false, headers: { 'content-encoding': 'gzip' } }),
      2,
    ],
    ['no bytes, announced as such', whole('', PLAIN), 1],
    ['gzip of no bytes', whole('', GZIP), 1],
  ])('may be a day without events: %s', async (_, steps, requests) => {
    await using server = await FaultServer.start(() => steps)
    await using pipeline = await Pipeline.create()
    expect(await pipeline.run({ url: server.url, slices: [sliceAt(0)] })).toMatchObject({
      rows: 0,
      requests,
      skippedSlices: [],
    })
    expect((await pipeline.stored()).ledger).toMatchObject([{ rowCount: 0 }])
  })
})
