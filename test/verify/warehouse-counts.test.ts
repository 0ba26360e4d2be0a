import { join } from 'node:path'
import { DateTime } from 'luxon'
import { describe, expect, it } from 'vitest'
import { createWarehouse } from '../../destinations/index.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { countsOf } from '../../lib/verify/compare.ts'
import { warehouseCounts } from '../../lib/verify/warehouse-counts.ts'
import { Workplace } from '../cmd/run-mixload.ts'
import { WAREHOUSES } from '../cmd/warehouses.ts'

const ZONE = 'America/New_York'
/**
 * One event per hour over three days, in the middle of which clocks go forward in New York; each
 * is sent twice.
 */
const EVENTS = Array.from({ length: 72 }, (_, hour) => ({
  event: hour % 3 === 0 ? "it's" : 'Seen',
  properties: { time: Date.UTC(2026, 2, 7, hour), distinct_id: 'p', $insert_id: `id-${hour}` },
}))

describe.each(Object.entries(WAREHOUSES))('events counted in %s', (_, newWarehouse) => {
  it('are those of each day of the zone, each event once', async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    await place.simulator.ingest(EVENTS)
    const load = ['backfill', '--streams', 'export', '--from', '2026-03-07', '--to', '2026-03-09', '--timezone', 'UTC']
    const environment = { MIXLOAD_DESTINATION: warehouse.url }
    expect(await place.run(load, environment)).toMatchObject({ code: 0 })
    // Read again as late ones are, so that the table has each of them twice.
    expect(await place.run(['sync', ...load.slice(1), '--attribution-window', '3'], environment)).toMatchObject({
      code: 0,
    })
    await using engine = await Engine.create({
      memoryLimit: undefined,
      temporaryDirectory: join(place.directory, 'tmp'),
    })
    await using destination = await createWarehouse({
      url: warehouse.url,
      schema: 'mixpanel',
      engine,
      workDirectory: place.directory,
      warn: () => {},
    })
    const { signal } = new AbortController()
    await destination.openToRead(signal)
    const span = { firstDay: '2026-03-06', lastDay: '2026-03-10', zone: ZONE }
    const expected = EVENTS.map(({ event, properties }): [string, string, number] => {
      const day = DateTime.fromMillis(properties.time, { zone: ZONE }).toISODate() ?? ''
      return [day, event, 1]
    })
    expect(await warehouseCounts(destination, span, signal)).toEqual(countsOf(expected))
  })
})
