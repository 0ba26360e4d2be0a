import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type MacroValue, renderMacro } from '../../lib/reports/macros.ts'
import { bigquery } from '../dbt/warehouses.ts'
import { runs, timeLimitMs } from '../runs.ts'
import { attemptsOf } from './funnel-oracle.ts'
import { FUNNEL_WORLDS, FUNNELS } from './funnel-worlds.ts'
import type { ReportEvent } from './report-warehouses.ts'
import { ZONES } from './worlds.ts'

/** The events as a subquery that needs no table. */
function relation(events: readonly ReportEvent[]): string {
  const structs = events.map(({ event_id, event_name, person_id, time, plan }) => {
    const moment = `timestamp '${new Date(time ?? 0).toISOString().replace('Z', '+00')}'`
    const value = plan == null ? 'cast(null as string)' : `'${plan}'`
    return `select '${event_id}' as event_id, '${event_name}' as event_name, '${person_id}' as person_id, ${moment} as occurred_at, ${value} as plan`
  })
  return `(${structs.join(' union all ')})`
}

/** Times of steps come as seconds since 1970. */
const plain = (name: string, text: string | null) => {
  if (text === null || name === 'person_id') return text
  return name === 'steps_reached' ? Number(text) : new Date(Math.round(Number(text) * 1000)).toISOString()
}
const sorted = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort()

it('a funnel is what its definition says, in an emulator of BigQuery', { timeout: timeLimitMs(300_000) }, async () => {
  await using warehouse = await bigquery('')
  const worlds = FUNNEL_WORLDS.filter((events) => events.length > 0)
  const property = fc.asyncProperty(fc.constantFrom(...ZONES), worlds, FUNNELS, async (zone, events, funnel) => {
    const values = funnel as unknown as Readonly<Record<string, MacroValue>>
    const sql = renderMacro('bigquery', 'funnel_attempts', { events: relation(events), timezone: zone, ...values })
    const rows = (await warehouse.query(sql)).map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, text]) => [name, plain(name, text)])),
    )
    expect(sorted(rows)).toEqual(sorted(attemptsOf(events, zone, funnel)))
  })
  await fc.assert(property, { numRuns: runs(25) })
})
