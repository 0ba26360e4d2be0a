import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Load } from '../../lib/destination/contract.ts'
import { exportStream } from '../../lib/streams/export.ts'
import { addDays } from '../../lib/time/days.ts'
import { runs } from '../runs.ts'
import { openWorkshop, type Workshop } from './loading.ts'

const FIRST_DAY = '2026-08-03'
const HOUR_MS = 3_600_000

/** An event of the slice's first day, which each slice has. */
const EVENT = { offset: HOUR_MS, form: 'ms', id: 'a', properties: {} } as const

/** What differs between the lines of slices: times, ids, properties, types, and their number. */
const LINE = fc.record({
  offset: fc.integer({ min: -HOUR_MS, max: 25 * HOUR_MS }),
  form: fc.constantFrom('ms', 'seconds', 'text', 'none'),
  id: fc.constantFrom(undefined, '', 'a', 'b'),
  properties: fc.dictionary(
    fc.constantFrom('plan', 'Plan', 'price', 'tags', 'at', 'event'),
    fc.oneof(
      fc.string(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.constant([1]),
    ),
  ),
})
const SLICES = fc.array(fc.record({ days: fc.integer({ min: 1, max: 2 }), lines: fc.array(LINE, { maxLength: 6 }) }), {
  minLength: 2,
  maxLength: 6,
})
type Slices = Parameters<Parameters<(typeof SLICES)['map']>[0]>[0]

function lineOf(start: number, { offset, form, id, properties }: Slices[number]['lines'][number]): string {
  const ms = start + offset
  const times = { ms, seconds: Math.floor(ms / 1000), text: new Date(ms).toISOString(), none: undefined }
  const all = { ...properties, time: times[form], distinct_id: 'ann', $insert_id: id }
  return `${JSON.stringify({ event: 'Paid', properties: all })}\n`
}

/** Loads slices together after the first, or one at a time. Returns rows and ledger rows. */
async function loaded(slices: Slices, settings: Readonly<Record<string, unknown>>, isGrouped: boolean) {
  await using workshop = await openWorkshop()
  const requested: { readonly firstDay: string; readonly lastDay: string }[] = []
  const lines = new Map<string, string>()
  let day = FIRST_DAY
  for (const slice of slices) {
    requested.push({ firstDay: day, lastDay: addDays(day, slice.days - 1) })
    const start = Date.parse(`${day}T00:00:00Z`)
    lines.set(day, [EVENT, ...slice.lines].map((line) => lineOf(start, line)).join(''))
    day = addDays(day, slice.days)
  }
  const written: Load[] = []
  const allRead = Promise.withResolvers<void>()
  workshop.beforeWrite = async (load) => {
    written.push(load)
    if (isGrouped) await allRead.promise
  }
  const read = new Set<string>()
  const stream = {
    ...exportStream({ legacyTime: settings.legacyTime === true, events: undefined }),
    async *read(_: unknown, slice: { readonly firstDay: string } | undefined) {
      const day = slice?.firstDay ?? ''
      yield { table: 'export', lines: Buffer.from(lines.get(day) ?? '') }
      // The last slice is ready shortly after its last line.
      read.add(day)
      if (read.size === slices.length) setTimeout(allRead.resolve, 20)
    },
  }
  const zone = 'America/New_York'
  if (isGrouped) await workshop.run(stream, { settings, zone, slices: requested })
  else for (const slice of requested) await workshop.run(stream, { settings, zone, slices: [slice] })
  return { ...(await contents(workshop)), written }
}

/** All rows, with the days of their load in the place of what differs between two runs. */
async function contents(workshop: Workshop) {
  const ledger = await workshop.destination.ledger('export')
  const rows = await workshop.rows(`
    SELECT CAST(to_json(r) AS VARCHAR) AS row FROM (
      SELECT e.* EXCLUDE (_load_id, _loaded_at, _mixload_row), l.first_day AS load_day,
        e._loaded_at = CAST(l.loaded_at AS TIMESTAMPTZ) AS is_loaded_then
      FROM export AS e LEFT JOIN _mixload_loads AS l ON l.load_id = e._load_id
    ) AS r ORDER BY row`)
  const loads = ledger.map(({ firstDay, rowCount, dayRows, rejectCount }) => ({
    firstDay,
    rowCount,
    dayRows,
    rejectCount,
  }))
  return { rows: rows.map(({ row }) => JSON.parse(String(row)) as Record<string, unknown>), loads }
}

it.each([{}, { legacyTime: true }])(
  'slices that are loaded together have the rows of slices one at a time %o',
  async (settings) => {
    let grouped = 0
    await fc.assert(
      fc.asyncProperty(SLICES, async (slices) => {
        const [together, alone] = [await loaded(slices, settings, true), await loaded(slices, settings, false)]
        expect(together.rows).toEqual(alone.rows)
        expect(together.loads).toEqual(alone.loads)
        for (const { load_day, is_loaded_then } of together.rows)
          expect([typeof load_day, is_loaded_then]).toEqual(['string', true])
        // Only the first load of a group has rows to write.
        grouped += together.written.filter(({ rows, record }) => rows === undefined && record.rowCount > 0).length
      }),
      { numRuns: runs(8) },
    )
    expect(grouped).toBeGreaterThan(0)
  },
)
