import { MixloadError } from '../lib/core/errors.ts'
import { eventView } from '../lib/dbt/event-view.ts'
import type { Destination, View } from '../lib/destination/contract.ts'
import type { Settings } from '../lib/settings.ts'
import { allViews } from '../lib/views/all-views.ts'
import type { Command } from './command.ts'
import { openWarehouse } from './session.ts'

/** `mixload views`: makes the views anew. Loading does this by itself whenever columns come. */
export const command: Command = {
  settings: ['destination', 'schema', 'bigqueryEndpoint', 'timezone', 'memoryLimit', 'spoolDir'],
  options: {
    shape: {
      type: 'string',
      requiresArg: true,
      choices: ['fivetran'],
      describe: "Make the view event instead, in the shape of Fivetran's connector",
    },
  },
  async run({ settings, flags, output, signal }) {
    await using warehouse = await openWarehouse(settings, output.tell, signal)
    const { destination } = warehouse
    // To write only where there is something to write: where nothing is, nothing is made.
    await destination.openToRead(signal)
    if (flags.shape !== undefined && settings.timezone === undefined) {
      const message = "Times in the view event are UTC. Give the project's time zone: --timezone Europe/Berlin."
      output.tell({ kind: 'warning', message })
    }
    const views =
      flags.shape === undefined ? await allViews(destination, settings) : await eventViews(destination, settings)
    if (views.length === 0) {
      throw new MixloadError(
        'CONFIG_INVALID',
        `${destination.description} has no tables yet. Run mixload backfill first.`,
      )
    }
    await destination.open(signal)
    await destination.putViews(views)
    for (const { name } of views) output.print(name)
    output.json(views.map(({ name }) => name))
    return 0
  },
}

async function eventViews(destination: Destination, { timezone = 'UTC' }: Settings): Promise<readonly View[]> {
  const columns = await destination.columns('export')
  if (columns.length === 0) return []
  return [eventView(destination.supports, destination.pathInViews('export_latest'), columns, timezone)]
}
