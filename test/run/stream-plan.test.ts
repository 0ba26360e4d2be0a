import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type { DestinationCapabilities, LoadRecord } from '../../lib/destination/contract.ts'
import { EVERYTHING } from '../../lib/destination/selection.ts'
import { syncDays } from '../../lib/run/choose-days.ts'
import { planStreams } from '../../lib/run/stream-plan.ts'
import { settingsFrom } from '../../lib/settings.ts'
import { addDays, dayAt, dayInZone, endOfDayInZone } from '../../lib/time/days.ts'

/** Of a destination without limits. */
const CAPABILITIES: DestinationCapabilities = {
  ...ENGINE_CAPABILITIES,
  atomicReplace: true,
  atomicLedger: true,
  readersDuringLoad: true,
  queries: false,
}

const ZONES = ['US/Pacific', 'America/Sao_Paulo', 'UTC', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Pacific/Kiritimati']

it('every stream is read to the end of yesterday in the project, and none further', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ZONES),
      fc.date({ min: new Date('2026-01-01'), max: new Date('2026-12-31'), noInvalidDate: true }),
      fc.boolean(),
      async (zone, now, legacyTime) => {
        const yesterday = addDays(dayInZone(now.getTime(), zone), -1)
        const end = endOfDayInZone(yesterday, zone)
        const settings = settingsFrom({ streams: ['export', 'funnels'], from: addDays(yesterday, -5), legacyTime })
        const destination = { capabilities: CAPABILITIES, ledger: async () => [] }
        const given = { settings, destination, zone, choose: syncDays, now: now.getTime(), lateArrivals: false }
        const [events, funnels] = await planStreams(given)
        expect(events?.days?.at(-1)).toBe(legacyTime ? yesterday : dayAt(end - 1))
        expect(funnels?.days?.at(-1)).toBe(yesterday)
      },
    ),
  )
})

it.each([
  ['3d', undefined, ['2026-03-08', '2026-03-10']],
  ['2026-02', '2026-02', ['2026-02-01', '2026-02-28']],
  ['2026-03', '2026-03', ['2026-03-01', '2026-03-10']],
  ['3d', '2d', ['2026-03-08', '2026-03-09']],
] as const)('--from %s --to %s are days of the project', async (from, to, expected) => {
  // It is the 10th in UTC, and the 11th in the project.
  const now = Date.parse('2026-03-10T12:00:00Z')
  const settings = settingsFrom({ streams: ['funnels'], from, to })
  const destination = { capabilities: CAPABILITIES, ledger: async () => [] }
  const given = { settings, destination, zone: 'Pacific/Kiritimati', choose: syncDays, now, lateArrivals: false }
  const [funnels] = await planStreams(given)
  expect([funnels?.days?.[0], funnels?.days?.at(-1)]).toEqual(expected)
})

it('a note after the last load does not change how many requests are planned', async () => {
  const [firstDay, lastDay] = ['2026-03-01', '2026-03-05']
  const now = Date.parse('2026-03-08T12:00:00Z')
  const loadOf = (stream: string): LoadRecord => ({
    ...{ loadId: 'load', stream, firstDay, lastDay, selection: EVERYTHING, writeMode: 'append', dayRows: null },
    ...{ rowCount: 9, rejectCount: 0, byteCount: 0, requestCount: 4, mixloadVersion: '0' },
    ...{ startedAt: new Date(now - 100_000_000), loadedAt: new Date(now - 100_000_000) },
  })
  const noteOf = (stream: string): LoadRecord => ({
    ...{ ...loadOf(stream), loadId: 'note', selection: { kind: 'tidy', removed: 3 } },
    ...{ rowCount: 0, requestCount: 0, loadedAt: new Date(now - 1000) },
  })
  const requestsOf = async (ledger: (stream: string) => readonly LoadRecord[]) => {
    const settings = settingsFrom({ streams: ['funnels', 'engage'] })
    const destination = { capabilities: CAPABILITIES, ledger: async (stream: string) => ledger(stream) }
    const given = { settings, destination, zone: 'UTC', choose: syncDays, now, lateArrivals: false }
    return (await planStreams(given)).map(({ requests }) => requests)
  }
  const before = await requestsOf((stream) => [loadOf(stream)])
  expect(before).not.toContain(0)
  expect(before).not.toContain(undefined)
  expect(await requestsOf((stream) => [loadOf(stream), noteOf(stream)])).toEqual(before)
})
