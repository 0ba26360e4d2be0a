import { describe, expect, it } from 'vitest'
import type { NewLoad } from '../../lib/destination/contract.ts'
import { LEDGER_FORM } from '../../lib/destination/load-rules.ts'
import { exportScope } from '../../lib/destination/selection.ts'
import { type DestinationHarness, openStore } from './harness.ts'
import { load, makeTable, newLoad, relationOf, TABLE, unaborted } from './rows.ts'

const NOTHING = relationOf([], [])

const RECORDS: Readonly<Record<string, Partial<NewLoad>>> = {
  'of several days': { firstDay: '2026-07-30', lastDay: '2026-08-02' },
  'without days': { firstDay: null, lastDay: null, writeMode: 'replace-table' },
  'of the first and the last day there is': { firstDay: '0001-01-01', lastDay: '9999-12-31' },
  'with the largest numbers there are': {
    byteCount: Number.MAX_SAFE_INTEGER,
    requestCount: 2_147_483_648,
    rowCount: 5_000_000_000,
    rejectCount: 4_294_967_296,
  },
  'with a moment to the millisecond': { startedAt: new Date('1999-12-31T23:59:59.999Z') },
  'of some events': {
    selection: { kind: 'complete', scope: exportScope(['Signed Up', 'it\'s "so"', '\u2028😀']) },
  },
  'of late arrivals': { selection: { kind: 'late', scope: exportScope(['Signed Up']), since: 1_785_000_000_000 } },
  'of a file': {
    selection: { kind: 'file', file: 'it\'s "so" \u2028😀.ndjson', bytes: Number.MAX_SAFE_INTEGER, sha256: 'ab12' },
  },
  'of what another version selected': {
    selection: { kind: 'unknown', text: '["Signed Up","it\'s \\"so\\"","\u2028😀"]' },
  },
  'with days replaced': { writeMode: 'replace-days' },
  'with its rows by day': { dayRows: { '2026-08-03': 1234, '2026-08-05': 1 } },
  'with no rows on any day': { dayRows: {} },
  'whose rows by day are not known': { dayRows: null },
  'with its source': {
    source: { project: '123', region: 'eu', clock: 'US/Pacific', where: 'it\'s "so" 😀', properties: '' },
  },
  'with a source of which nothing is known': { source: {} },
}

export function ledger(harness: DestinationHarness): void {
  describe('the ledger', () => {
    it.each(Object.entries(RECORDS))('returns a load %s as it was recorded', async (_, given) => {
      await using store = await openStore(harness)
      const record = newLoad('load-1', given)
      const loaded = await store.destination.load(
        NOTHING,
        { table: TABLE, mode: { kind: 'append' }, rejects: undefined },
        record,
        unaborted(),
      )
      expect(loaded).toEqual({ ...record, loadedAt: loaded.loadedAt, form: LEDGER_FORM })
      const second = (await store.reopen?.()) ?? store.destination
      await second.open(unaborted())
      expect(await second.ledger(TABLE)).toEqual([loaded])
    })

    it('is in the order of the commits, whatever the ids and days', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const ids = ['z', 'a', '10', '9', 'm']
      for (const [at, id] of ids.entries()) {
        const day = `2026-08-0${9 - at}`
        await load(store.destination, id, NOTHING, { record: { firstDay: day, lastDay: day } })
      }
      expect((await store.destination.ledger(TABLE)).map(({ loadId }) => loadId)).toEqual(ids)
    })

    it('is separate for each stream', async () => {
      await using store = await openStore(harness)
      await load(store.destination, 'load-1', NOTHING, { record: { stream: 'export' } })
      await load(store.destination, 'load-2', NOTHING, { record: { stream: 'engage' } })
      await load(store.destination, 'load-3', NOTHING, { record: { stream: 'export' } })
      const ids = async (stream: string) => (await store.destination.ledger(stream)).map(({ loadId }) => loadId)
      expect(await ids('export')).toEqual(['load-1', 'load-3'])
      expect(await ids('engage')).toEqual(['load-2'])
      expect(await ids('Export')).toEqual([])
      expect(await ids('')).toEqual([])
    })

    it('grows by one row per load', async () => {
      await using store = await openStore(harness)
      for (let at = 0; at < 20; at++) await load(store.destination, `load-${at}`, NOTHING)
      const ledger = await store.destination.ledger(TABLE)
      expect(ledger).toHaveLength(20)
      expect(new Set(ledger.map(({ loadedAt }) => loadedAt.getTime())).size).toBe(20)
    })
  })
}
