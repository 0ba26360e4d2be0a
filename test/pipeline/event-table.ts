import type { Column } from '../../lib/columns/column.ts'
import type { ColumnRegistry } from '../../lib/columns/registry.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { TableInput } from '../../lib/extract/table-input.ts'
import { TableLoader } from '../../lib/load/table-loader.ts'
import type { OnProgress } from '../../lib/progress.ts'
import type { SpoolDirectory } from '../../lib/spool/spool.ts'
import { exportStream } from '../../lib/streams/export.ts'

/** Reads the lines of events, with the columns of the test's own registry. */
export function eventInput(
  registry: ColumnRegistry,
  spool: SpoolDirectory,
  engine: Engine,
  onWarning: (message: string) => void = () => {},
): TableInput {
  const [table] = exportStream({ legacyTime: false, events: undefined }).tables
  const valuesPerRowMax = Number.POSITIVE_INFINITY
  return new TableInput({ table, registry, engine, spool, localZone: undefined, valuesPerRowMax, onWarning })
}

/**
 * What loads events that such an input has spooled. `existing`: the columns that the destination
 * has.
 */
export function eventLoader(
  input: TableInput,
  destination: Warehouse,
  existing: readonly Column[],
  more: { readonly write?: 'append' | 'replace'; readonly onProgress?: OnProgress } = {},
): TableLoader {
  const { write = 'append', onProgress = () => {} } = more
  const maxRemoved = { kind: 'percent', most: 100 } as const
  const options = { destination, input, stream: 'export', source: {}, write, maxRemoved, onProgress }
  return new TableLoader(options, existing)
}
