import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type { DestinationCapabilities } from '../../lib/destination/contract.ts'
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
