import { makeViews } from '../lib/run/views.ts'
import { type Command, textFlag } from './command.ts'
import { LEXICON_SETTINGS, timezoneFlag, WAREHOUSE_SETTINGS } from './load-settings.ts'
import { sessionOf } from './session.ts'

/**
 * `mixload views`: recreates the views and the comments. Loads do this by themselves when they add
 * columns.
 */
export const command: Command = {
  settings: [...WAREHOUSE_SETTINGS, ...LEXICON_SETTINGS, 'timezone', 'idMerge'],
  options: {
    ...timezoneFlag('UTC'),
    shape: textFlag("Make the view event instead, in the shape of Fivetran's connector", { choices: ['fivetran'] }),
  },
  async run(context) {
    const { flags, output } = context
    const names = await makeViews(sessionOf(context), flags.shape === undefined ? 'mixload' : 'fivetran')
    for (const name of names) output.print(name)
    output.json(names)
    return 0
  },
}
