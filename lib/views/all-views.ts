import type { View } from '../destination/contract.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { type Settings, STREAMS } from '../settings.ts'
import { streamsOf } from '../streams/index.ts'
import { viewsOver } from './views.ts'

/**
 * The views over every table of a destination, including those of streams that the settings leave
 * out.
 */
export async function allViews(destination: Warehouse, settings: Settings): Promise<readonly View[]> {
  const views: View[] = []
  for (const table of tablesOf(settings)) views.push(...(await viewsOver(destination, table)))
  return views
}

function tablesOf(settings: Settings): readonly string[] {
  return STREAMS.flatMap((name) =>
    streamsOf(name, settings).flatMap(({ tables, changesTable }) => [
      ...tables.map((table) => table.name),
      ...[changesTable?.({ ...settings, engageHistory: true })].filter((table) => table !== undefined),
    ]),
  )
}
