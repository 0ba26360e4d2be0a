import { describe, expect, it } from 'vitest'
import { dayAt, idsOf, shortBodyOf, sliceAt } from './day-events.ts'
import { type Closing, cut, FaultServer, type Form, whole, wireOf } from './fault-server.ts'
import { Pipeline } from './pipeline.ts'

const PER_DAY = 2

const FORMS: readonly (readonly [name: string, form: Form, close: Closing])[] = [
  ['gzip with its length', { framing: 'length', gzip: true }, 'end'],
  ['gzip with its length, reset', { framing: 'length', gzip: true }, 'reset'],
  ['gzip with its length, connection: close', { framing: 'length', gzip: true, close: true }, 'end'],
  ['gzip in chunks', { framing: 'chunked', gzip: true }, 'end'],
  ['gzip in chunks, reset', { framing: 'chunked', gzip: true }, 'reset'],
  ['gzip in chunks, connection: close', { framing: 'chunked', gzip: true, close: true }, 'end'],
  ['gzip until the connection closes', { framing: 'close', gzip: true }, 'end'],
  ['plain with its length', { framing: 'length', gzip: false }, 'end'],
  ['plain with its length, connection: close, reset', { framing: 'length', gzip: false, close: true }, 'reset'],
  ['plain in chunks', { framing: 'chunked', gzip: false }, 'reset'],
  ['plain in chunks, connection: close', { framing: 'chunked', gzip: false, close: true }, 'end'],
  ['plain in chunks, connection: close, reset', { framing: 'chunked', gzip: false, close: true }, 'reset'],
  ['plain until the connection closes', { framing: 'close', gzip: false }, 'end'],
  ['plain until the connection closes, reset', { framing: 'close', gzip: false }, 'reset'],
]

describe('a body cut at any of its bytes', () => {
  it.each(FORMS)('%s: is requested again, and the day is loaded whole and once', async (_, form, close) => {
    const wireBytes = (day: string) => wireOf(form, shortBodyOf(day, PER_DAY)).length
    // Each day is cut at some bytes, one after the other, as often as a connection may break within
    // one day.
    const cutsPerDay = form.framing === 'close' ? 1 : 6
    const slices = Array.from({ length: Math.ceil(wireBytes(dayAt(0)) / cutsPerDay) }, (_, at) => sliceAt(at))
    const cuts = new Set<number>()
    await using server = await FaultServer.start(({ day, before }) => {
      const at = slices.findIndex(({ firstDay }) => firstDay === day) * cutsPerDay + before
      if (before >= cutsPerDay || at >= wireBytes(day)) return whole(shortBodyOf(day, PER_DAY), form)
      cuts.add(at)
      return cut(shortBodyOf(day, PER_DAY), form, at, close)
    })
    await using pipeline = await Pipeline.create()
    const summary = await pipeline.run({ url: server.url, slices })
    expect(summary).toMatchObject({ rows: slices.length * PER_DAY, rejects: 0, skippedSlices: [] })
    const { rows, rejects, ledger } = await pipeline.stored()
    expect(rows.map((row) => row.mp_insert_id)).toEqual(slices.flatMap(({ firstDay }) => idsOf(firstDay, PER_DAY)))
    expect(rejects).toEqual([])
    expect(ledger.map(({ firstDay, rowCount }) => [firstDay, rowCount])).toEqual(
      slices.map(({ firstDay }) => [firstDay, PER_DAY]),
    )
    expect(cuts.size).toBeGreaterThanOrEqual(wireBytes(dayAt(0)))
    expect(pipeline.events.filter(({ kind }) => kind === 'slice-by-event')).toEqual([])
  })
})
