import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fixed, LOAD_COLUMNS } from '../../lib/columns/catalogue.ts'
import { RECORD_LINES } from '../../lib/columns/table.ts'
import type { Stream } from '../../lib/streams/stream.ts'
import { daysOf } from '../../lib/time/days.ts'
import { expectFailure } from '../conformance/failures.ts'
import { batch, openWorkshop, type Workshop } from './loading.ts'

const DAYS = daysOf('2026-08-01', '2026-08-20')
const SLICES = DAYS.map((day) => ({ firstDay: day, lastDay: day }))
const BAD_DAY = '2026-08-13'

/** A stream with one row per day, and a property that only this day has. */
const DAILY: Stream = {
  name: 'daily',
  tables: [
    {
      name: 'daily',
      columns: [fixed('id', 'text', 'Id', 'id'), fixed('_day', 'date', 'Day', '_day'), ...LOAD_COLUMNS],
      lines: RECORD_LINES,
      key: ['id', '_day'],
      properties: {},
      isSelective: false,
    },
  ],
  replication: 'incremental',
  family: 'app',
  async *read(_, slice) {
    const day = slice?.firstDay ?? ''
    yield batch('daily', [['', `{"id":"a","_day":"${day}","on ${day}":1}`]])
  },
}

describe('slices of a stream with one table', () => {
  let workshop: Workshop
  beforeEach(async () => {
    workshop = await openWorkshop()
  })
  afterEach(() => workshop[Symbol.asyncDispose]())

  const loadedDays = async () => (await workshop.destination.ledger('daily')).map(({ firstDay }) => firstDay)

  it('are loaded in order, each with its ledger row, columns and progress', async () => {
    const summary = await workshop.run(DAILY, { slices: SLICES })
    expect(summary).toMatchObject({ slices: DAYS.length, rows: DAYS.length, newColumns: DAYS.length })
    expect(await loadedDays()).toEqual(DAYS)
    const loaded = workshop.progress.flatMap((event) => (event.kind === 'slice-loaded' ? [event.slice] : []))
    expect(loaded).toEqual(SLICES)
    const first = new Map(
      (await workshop.destination.columns('daily')).map((column) => [column.name, column.firstLoadId]),
    )
    for (const { firstDay, loadId } of await workshop.destination.ledger('daily')) {
      expect(first.get(`on_${firstDay?.replaceAll('-', '_')}`)).toBe(loadId)
    }
  })

  it('are loaded up to the one that fails, whatever it was to share a commit with', async () => {
    workshop.beforeWrite = ({ record }) => {
      if (record.firstDay === BAD_DAY) throw new Error('refused')
    }
    await expectFailure(workshop.run(DAILY, { slices: SLICES }), 'DESTINATION_FAILED')
    expect(await loadedDays()).toEqual(DAYS.filter((day) => day < BAD_DAY))
    workshop.beforeWrite = undefined
    await workshop.run(DAILY, { slices: SLICES.filter(({ firstDay }) => firstDay >= BAD_DAY) })
    expect(await loadedDays()).toEqual(DAYS)
  })
})
