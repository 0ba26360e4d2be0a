import { MixloadError } from '../core/errors.ts'
import { eventView } from '../dbt/event-view.ts'
import type { View } from '../destination/contract.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { findCopies, upgradeEvents } from '../load/upgrade-events.ts'
import type { Settings } from '../settings.ts'
import { exportStream } from '../streams/export.ts'
import { allViews } from '../views/views.ts'
import { describeAll } from './describe-tables.ts'
import { openWarehouse, type Session } from './session.ts'

/** The views to make: mixload's own, or the view `event` in the shape of Fivetran's connector. */
export type ViewShape = 'mixload' | 'fivetran'

/**
 * Recreates all views and comments, and finds the copies of events again. Returns the names of the
 * views.
 * @throws MixloadError CONFIG_INVALID without tables.
 */
export async function makeViews(session: Session, shape: ViewShape = 'mixload'): Promise<readonly string[]> {
  const { settings, onProgress, signal } = session
  // Opened to read first: without tables, nothing must be created in the destination.
  await using warehouse = await openWarehouse(session, 'read')
  const { destination } = warehouse
  if (shape === 'fivetran' && settings.timezone === undefined) {
    const message = "Times in the view event are UTC. Give the project's time zone: --timezone Europe/Berlin."
    onProgress({ kind: 'warning', message })
  }
  const viewsFor = () => (shape === 'mixload' ? allViews : eventViews)(destination, settings)
  if ((await viewsFor()).length === 0) {
    const message = `${destination.description} has no tables yet. Run mixload backfill first.`
    throw new MixloadError('CONFIG_INVALID', message)
  }
  await destination.open(signal)
  // A newer version may have loaded any stream.
  await destination.allLoads()
  if (!(await upgradeEvents(destination, onProgress, signal))) await findCopies(destination, signal)
  const views = await viewsFor()
  await destination.putViews(views)
  await describeAll(session, destination)
  return views.map(({ name }) => name)
}

async function eventViews(destination: Warehouse, settings: Settings): Promise<readonly View[]> {
  const columns = await destination.columns(exportStream(settings).name)
  if (columns.length === 0) return []
  const path = destination.pathInViews('export_latest')
  return [eventView(destination.capabilities, path, columns, settings.timezone ?? 'UTC')]
}
