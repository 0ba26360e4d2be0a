import { MixloadError } from '../lib/core/errors.ts'
import { type Command, textFlag } from './command.ts'
import { INGEST_SETTINGS, SEND_OPTIONS, sendAndReport } from './ingest-client.ts'
import { IP_OPTION, PROPERTY_OPTION, propertiesOf, textsOf, timeOf } from './property-flags.ts'

/** `mixload track EVENT`: sends one event. */
export const command: Command = {
  oneProject: true,
  settings: INGEST_SETTINGS,
  options: {
    'distinct-id': textFlag('Person who did it'),
    property: PROPERTY_OPTION,
    time: textFlag('When it happened: ISO 8601 (UTC if it has no zone), or seconds or milliseconds since 1970', {
      defaultDescription: 'now',
    }),
    ip: IP_OPTION,
    'insert-id': textFlag('Id by which Mixpanel recognizes an event that it has received before'),
    ...SEND_OPTIONS,
  },
  words: { usage: 'EVENT', describe: 'EVENT is the name of the event.', missing: 'Name the event.' },
  run(context) {
    const { words, flags } = context
    const [event = '', ...extra] = words
    if (extra.length > 0) {
      throw new MixloadError('CONFIG_INVALID', 'Name one event. Put a name with spaces in quotes.')
    }
    const properties = propertiesOf(textsOf(flags.property))
    const options = {
      time: timeOf(flags.time),
      ip: flags.ip as string | undefined,
      distinctId: flags['distinct-id'] as string | undefined,
      insertId: flags['insert-id'] as string | undefined,
    }
    return sendAndReport(context, {
      what: `1 event, ${JSON.stringify(event)}`,
      label: event,
      queue: (client) => client.track(event, properties, options),
    })
  },
}
