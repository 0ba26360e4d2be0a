import { MixloadError } from '../lib/core/errors.ts'
import type { Command } from './command.ts'
import { INGEST_SETTINGS, SPOOL_OPTION, sendAndReport } from './ingest-client.ts'
import { PROPERTY_OPTION, propertiesOf, textsOf, timeOf } from './property-flags.ts'

/** `mixload track EVENT`: sends one event. */
export const command: Command = {
  settings: INGEST_SETTINGS,
  options: {
    'distinct-id': { type: 'string', requiresArg: true, describe: 'Person that the event belongs to' },
    property: PROPERTY_OPTION,
    time: {
      type: 'string',
      requiresArg: true,
      describe: 'When it happened: ISO 8601 (UTC where it names no zone), or seconds or milliseconds since 1970',
      defaultDescription: 'now',
    },
    ip: { type: 'string', requiresArg: true, describe: 'Address of the person, for city and country' },
    'insert-id': { type: 'string', requiresArg: true, describe: 'Id by which Mixpanel tells a repeated event' },
    ...SPOOL_OPTION,
  },
  words: { usage: 'EVENT', describe: 'EVENT is the name of the event.', missing: 'Name the event.' },
  run(context) {
    const { words, flags } = context
    const [event = '', ...others] = words
    if (others.length > 0) {
      throw new MixloadError('CONFIG_INVALID', `One event at a time: put a name with blanks into quotes.`)
    }
    const properties = propertiesOf(textsOf(flags.property))
    const options = {
      time: timeOf(flags.time),
      ip: flags.ip as string | undefined,
      distinctId: flags['distinct-id'] as string | undefined,
      insertId: flags['insert-id'] as string | undefined,
    }
    return sendAndReport(context, event, (client) => client.track(event, properties, options))
  },
}
