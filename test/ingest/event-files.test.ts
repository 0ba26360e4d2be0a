import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InputFile } from '../../lib/decompress/input-file.ts'
import { type EventFileFormat, formatOf, readEvents } from '../../lib/ingest/event-files.ts'
import { LineNumbers } from '../../lib/ingest/line-numbers.ts'
import { runs } from '../runs.ts'

/** Reads the events of a file in blocks of the given size. */
async function read(content: string | Buffer, format: EventFileFormat, blockBytes = 1000) {
  const bytes = Buffer.from(content)
  const blocks = Array.from({ length: Math.ceil(bytes.length / blockBytes) }, (_, index) =>
    bytes.subarray(index * blockBytes, (index + 1) * blockBytes),
  )
  const file = new InputFile(Readable.from(blocks), new AbortController().signal)
  const numbers = new LineNumbers()
  const texts: string[] = []
  for await (const list of readEvents(file, format, numbers)) texts.push(...list)
  return { texts, lines: texts.map((_, record) => numbers.lineOf(record)) }
}

const blockBytes = fc.integer({ min: 1, max: 50 })
const lineEnd = fc.constantFrom('\n', '\r\n')
const mark = fc.constantFrom('', '\ufeff')

describe('lines of JSON', () => {
  const line = fc.oneof(
    fc.constantFrom('', ' ', '\t', '{}', '"\u2028\u2029\u0085"', '🦆'),
    fc.json().filter((json) => json.trim() !== ''),
  )

  it('are split at line ends, for any blocks, with the right line numbers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        lineEnd,
        mark,
        fc.boolean(),
        blockBytes,
        async (others, end, bom, isEnded, size) => {
          // The start of a file decides what it is, so it must be JSON.
          const written = ['{}', ...others]
          const found = await read(bom + written.join(end) + (isEnded ? end : ''), 'ndjson', size)
          const records = written.flatMap((text, index) => (text.trim() === '' ? [] : [{ text, line: index + 1 }]))
          expect(found).toEqual({ texts: records.map(({ text }) => text), lines: records.map(({ line }) => line) })
        },
      ),
    )
  })

  it('longer than any event are an error', async () => {
    const longLine = (async function* () {
      yield Buffer.from('{}\n')
      for (let block = 0; block < 20; block++) yield Buffer.alloc(1024 * 1024, 'x')
    })()
    const file = new InputFile(Readable.from(longLine), new AbortController().signal)
    const reading = (async () => {
      for await (const _ of readEvents(file, 'ndjson', new LineNumbers()));
    })()
    await expect(reading).rejects.toMatchObject({
      code: 'FILE_REFUSED',
      message: expect.stringMatching(/^A line after line [01] is/),
    })
  })
})

describe('CSV', () => {
  const cell = fc.oneof(
    fc.constantFrom('', ' ', '"', 'a,b', 'a;b', 'a\tb', 'x\r\ny', 'x\ny', 'ü🦆', '\u2028', '007', '1e5', '=1+1'),
    fc.string({ unit: 'binary', maxLength: 8 }),
  )
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`

  it('has an event per row, for any delimiter, line end and blocks', async () => {
    const row = fc.record({ name: cell, note: cell, id: cell })
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 8 }),
        fc.constantFrom(',', ';', '\t', '|'),
        lineEnd,
        mark,
        blockBytes,
        async (rows, delimiter, end, bom, size) => {
          const header = ['time', 'event', 'note', '$insert_id', ''].join(delimiter)
          const lines = rows.map(({ name, note, id }) =>
            ['1767225600', quote(name), quote(note), quote(id), ''].join(delimiter),
          )
          const { texts, lines: numbers } = await read(bom + [header, ...lines].join(end), 'csv', size)
          expect(texts.map((text) => JSON.parse(text).event)).toEqual(rows.map(({ name }) => name))
          for (const [index, { note, id }] of rows.entries()) {
            const { properties } = JSON.parse(texts[index] ?? '')
            expect(properties.time).toBe(1767225600)
            expect(properties.$insert_id ?? '').toBe(id)
            // Numbers and JSON are parsed, so only other texts are compared.
            expect(String(properties.note ?? '')).toBe(
              /^\s*[[{"]|^-?\d|^null$/.test(note) ? String(properties.note ?? '') : note,
            )
            expect(Object.keys(properties)).not.toContain('')
          }
          expect(numbers).toEqual(rows.map((_, index) => index + 2))
        },
      ),
    )
  })

  it('keeps all digits of numbers, and does not parse texts such as 007', async () => {
    const { texts } = await read('event,time,big,zip,exp\ne,1767225600000,12345678901234567890,007,1e5\n', 'csv')
    expect(texts).toEqual([
      '{"event":"e","properties":{"time":1767225600000,"big":12345678901234567890,"zip":"007","exp":"1e5"}}',
    ])
  })

  it('counts empty rows, too', async () => {
    const { lines } = await read('\nevent,time\r\n\r\na,1\r\n\r\n\r\nb,2', 'csv')
    expect(lines).toEqual([4, 7])
  })

  it.each([
    ['event,distinct_id\na,b\n', 'no column time'],
    ['name;when\na;b\n', 'no column event and no column time. Columns: name;when'],
    ['', undefined],
    ['event,time,plan,plan\n', 'the column plan twice'],
    ['event,time\ne,1\ne\n', 'columns length is 2, got 1 on line 3'],
    ['event,time\ne,1\ne,"2\n', 'line 3'],
    ['event,time\ne,1"x"\n', 'line 2'],
  ])('%j: %s', async (content, message) => {
    const reading = read(content, 'csv')
    if (message === undefined) await expect(reading).resolves.toEqual({ texts: [], lines: [] })
    else
      await expect(reading).rejects.toMatchObject({ code: 'FILE_REFUSED', message: expect.stringContaining(message) })
  })

  it('is recognized by the file name', () => {
    expect(['a.csv', 'A.CSV.gz', 'a.csv.zst', 'a.json', 'csv', '-'].map(formatOf)).toEqual([
      'csv',
      'csv',
      'csv',
      'ndjson',
      'ndjson',
      'ndjson',
    ])
  })
})

describe('line numbers', () => {
  it('are right for every record, even after earlier ones were forgotten', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1 }), fc.nat(40_000), (steps, before) => {
        const numbers = new LineNumbers()
        const lines: number[] = []
        for (let record = 0; record < 40_001; record++) {
          const line = (lines.at(-1) ?? 0) + (record % 1000 < steps.length ? (steps[record % 1000] ?? 1) : 1)
          lines.push(line)
          numbers.note(line)
        }
        numbers.forget(before)
        for (let record = before; record < lines.length; record += 997)
          expect(numbers.lineOf(record)).toBe(lines[record])
      }),
      { numRuns: runs(20) },
    )
  })
})
