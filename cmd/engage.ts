import { MixloadError } from '../lib/core/errors.ts'
import { OPERATIONS, type Operation } from '../lib/ingest/operations.ts'
import type { Command } from './command.ts'
import { INGEST_SETTINGS, SPOOL_OPTION, sendAndReport } from './ingest-client.ts'
import { PROPERTY_OPTION, propertiesOf, textsOf, timeOf } from './property-flags.ts'

/** `mixload engage DISTINCT_ID OPERATION`: changes a profile. */
export const command: Command = {
  settings: INGEST_SETTINGS,
  options: {
    property: { ...PROPERTY_OPTION, describe: `${PROPERTY_OPTION.describe}. For $unset, only the NAME` },
    group: { type: 'string', requiresArg: true, describe: 'Group key: the id is that of a group, not of a person' },
    time: { type: 'string', requiresArg: true, describe: 'When it happened, as for track', defaultDescription: 'now' },
    ip: { type: 'string', requiresArg: true, describe: 'Address of the person, for city and country' },
    'ignore-time': { type: 'boolean', default: false, describe: 'Leave Last Seen as it is' },
    ...SPOOL_OPTION,
  },
  words: {
    usage: 'DISTINCT_ID OPERATION',
    describe: `OPERATION is one of ${OPERATIONS.join(' ')}: in quotes, because of the shell.`,
    missing: 'Name the profile and the operation.',
  },
  run(context) {
    const { words, flags } = context
    const [id = '', operation = '', ...others] = words
    if (operation === '' || others.length > 0) {
      throw new MixloadError(
        'CONFIG_INVALID',
        `Name one profile and one operation, such as: mixload engage ann '$set'.`,
      )
    }
    const texts = textsOf(flags.property)
    const value = operation === '$unset' ? texts : operation === '$delete' ? undefined : propertiesOf(texts)
    const options = {
      time: timeOf(flags.time),
      ip: flags.ip as string | undefined,
      ignoreTime: flags['ignore-time'] === true,
    }
    const group = flags.group as string | undefined
    return sendAndReport(context, `${operation} of ${id}`, (client) =>
      group === undefined
        ? client.engage(id, operation as Operation, value, options)
        : client.engageGroup(group, id, operation as Operation, value, options),
    )
  },
}
