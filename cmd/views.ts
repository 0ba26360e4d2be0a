import { makeViews } from '../lib/run/views.ts'
import type { Command } from './command.ts'
import { sessionOf } from './session.ts'

/** `mixload views`: recreates the views. Loading does this by itself whenever columns come. */
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
  async run(context) {
    const { flags, output } = context
    const names = await makeViews(sessionOf(context), flags.shape === undefined ? 'mixload' : 'fivetran')
    for (const name of names) output.print(name)
    output.json(names)
    return 0
  },
}
