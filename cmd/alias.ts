import { MixloadError } from '../lib/core/errors.ts'
import type { Command } from './command.ts'
import { INGEST_SETTINGS, SPOOL_OPTION, sendAndReport } from './ingest-client.ts'

/** `mixload alias NEW OLD`: adds an id to a person. */
export const command: Command = {
  oneProject: true,
  settings: INGEST_SETTINGS,
  options: SPOOL_OPTION,
  words: {
    usage: 'NEW OLD',
    describe: 'NEW becomes another id of the person with the distinct id OLD.',
    missing: 'Name the new id and the distinct id.',
  },
  run(context) {
    const [alias, distinctId, ...extra] = context.words
    if (alias === undefined || distinctId === undefined || extra.length > 0) {
      throw new MixloadError('CONFIG_INVALID', 'Name two ids, the new id and the distinct id: mixload alias NEW OLD.')
    }
    return sendAndReport(context, `${alias} for ${distinctId}`, (client) => client.createAlias(alias, distinctId))
  },
}
