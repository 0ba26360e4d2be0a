import { allViews } from '../lib/all-views.ts'
import { MixloadError } from '../lib/errors.ts'
import type { Command } from './command.ts'
import { openWarehouse } from './session.ts'

/** `mixload views`: makes the views anew. Loading does this by itself whenever columns come. */
export const command: Command = {
  settings: ['destination', 'schema', 'bigqueryEndpoint', 'groups', 'memoryLimit', 'spoolDir'],
  async run({ settings, output, signal }) {
    await using warehouse = await openWarehouse(settings, output.tell, signal)
    const { destination } = warehouse
    await destination.open(signal)
    const views = await allViews(destination, settings)
    if (views.length === 0) {
      throw new MixloadError(
        'CONFIG_INVALID',
        `${destination.description} has no tables yet. Run mixload backfill first.`,
      )
    }
    await destination.putViews(views)
    for (const { name } of views) output.print(name)
    output.json(views.map(({ name }) => name))
    return 0
  },
}
