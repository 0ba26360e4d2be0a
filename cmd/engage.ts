import { MixloadError } from '../lib/core/errors.ts'
import { OPERATIONS, type Operation } from '../lib/ingest/operations.ts'
import { type Command, textFlag } from './command.ts'
import { INGEST_SETTINGS, SEND_OPTIONS, sendAndReport } from './ingest-client.ts'
import { IP_OPTION, PROPERTY_OPTION, propertiesOf, textsOf, timeOf } from './property-flags.ts'

/** `mixload engage DISTINCT_ID OPERATION`: changes a profile. */
export const command: Command = {
  oneProject: true,
  settings: INGEST_SETTINGS,
  options: {
    property: { ...PROPERTY_OPTION, describe: `${PROPERTY_OPTION.describe}. For $unset, use the NAME alone` },
    group: textFlag('Group key; the id is then the id of a group, not of a person'),
    time: textFlag('When it happened, as for track', { defaultDescription: 'now' }),
    ip: IP_OPTION,
    'ignore-time': { type: 'boolean', default: false, describe: 'Leave Last Seen unchanged' },
    ...SEND_OPTIONS,
  },
  words: {
    usage: 'DISTINCT_ID OPERATION',
    describe: `OPERATION is one of ${OPERATIONS.join(' ')}. Quote it: $ is special in the shell.`,
    missing: 'Name a profile and an operation.',
  },
  run(context) {
    const { words, flags } = context
    const [id = '', operation = '', ...extra] = words
    if (operation === '' || extra.length > 0) {
      throw new MixloadError('CONFIG_INVALID', `Name one profile and one operation: mixload engage ann '$set'.`)
    }
    const texts = textsOf(flags.property)
    if (operation === '$delete' && texts.length > 0) {
      throw new MixloadError('CONFIG_INVALID', '$delete removes the whole profile, so it takes no --property.')
    }
    const value = operation === '$unset' ? texts : operation === '$delete' ? undefined : propertiesOf(texts)
    const options = {
      time: timeOf(flags.time),
      ip: flags.ip as string | undefined,
      ignoreTime: flags['ignore-time'] === true,
    }
    const group = flags.group as string | undefined
    const label = `${operation} of ${id}`
    return sendAndReport(context, {
      what: `1 change of a ${group === undefined ? '' : 'group '}profile, ${label}`,
      label,
      queue: (client) =>
        group === undefined
          ? client.engage(id, operation as Operation, value, options)
          : client.engageGroup(group, id, operation as Operation, value, options),
    })
  },
}
