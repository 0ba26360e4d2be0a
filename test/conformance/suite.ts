import { describe } from 'vitest'
import { atOnce } from './at-once.ts'
import { closing } from './closing.ts'
import { columns } from './columns.ts'
import { comments } from './comments.ts'
import { exportViews } from './export-views.ts'
import { failedLoads } from './failed-loads.ts'
import { groupedLoads } from './grouped-loads.ts'
import type { DestinationHarness } from './harness.ts'
import { identities } from './identities.ts'
import { interruptedLoads } from './interrupted-loads.ts'
import { latestViews } from './latest-views.ts'
import { ledger } from './ledger.ts'
import { lifecycle } from './lifecycle.ts'
import { loads } from './loads.ts'
import { names } from './names.ts'
import { queries } from './queries.ts'
import { readers } from './readers.ts'
import { rejects } from './rejects.ts'
import { replacing } from './replacing.ts'
import { storedValues } from './stored-values.ts'
import { strayValues } from './stray-values.ts'
import { tidying } from './tidying.ts'
import { upgrades } from './upgrades.ts'
import { views } from './views.ts'

/**
 * What every destination must do. If one is capable of less, the guarantee that remains is tested
 * instead.
 */
export function runDestinationConformance(harness: DestinationHarness): void {
  describe(`destination ${harness.name}`, () => {
    for (const theme of [
      lifecycle,
      closing,
      columns,
      names,
      storedValues,
      loads,
      failedLoads,
      interruptedLoads,
      groupedLoads,
      atOnce,
      replacing,
      ledger,
      rejects,
      readers,
      views,
      comments,
      strayValues,
      exportViews,
      latestViews,
      identities,
      upgrades,
      tidying,
      queries,
    ]) {
      theme(harness)
    }
  })
}
