import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { MacroValue } from '../../lib/reports/macros.ts'
import { runs } from '../runs.ts'
import { ordered, type ReportEvent, type ReportRow, WAREHOUSES } from './report-warehouses.ts'
import { WORLDS, ZONES } from './worlds.ts'

/**
 * Holds a macro against the definition of its report, in each warehouse and zone, on random events
 * and arguments.
 */
export function holdAgainst<C extends object>(
  macro: string,
  cases: fc.Arbitrary<C>,
  definition: (events: readonly ReportEvent[], zone: string, request: C) => readonly ReportRow[],
  more: Readonly<Record<string, MacroValue>> = {},
  worlds: fc.Arbitrary<readonly ReportEvent[]> = WORLDS,
): void {
  for (const [name, newWarehouse] of Object.entries(WAREHOUSES)) {
    it(`${macro} is what its definition says, in ${name}`, async () => {
      await using warehouse = await newWarehouse()
      const property = fc.asyncProperty(fc.constantFrom(...ZONES), worlds, cases, async (zone, events, request) => {
        const values = request as Readonly<Record<string, MacroValue>>
        const rows = await warehouse.report(macro, events, { timezone: zone, ...more, ...values })
        expect(rows).toEqual(ordered(definition(events, zone, request)))
      })
      await fc.assert(property, { numRuns: runs(100) })
    })
  }
}
