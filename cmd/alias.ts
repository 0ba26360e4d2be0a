import { MixloadError } from '../lib/core/errors.ts'
import type { Command } from './command.ts'
import { INGEST_SETTINGS, SPOOL_OPTION, sendAndReport } from './ingest-client.ts'

/** `mixload alias NEW OLD`: gives a person another name. */
export const command: Command = {
  settings: INGEST_SETTINGS,
  options: SPOOL_OPTION,
  words: {
    usage: 'NEW OLD',
    describe: 'NEW becomes another id of the person whose distinct id is OLD.',
    missing: 'Name the new id and the distinct id.',
  },
  run(context) {
    const [alias, distinctId, ...others] = context.words
    if (alias === undefined || distinctId === undefined || others.length > 0) {
      throw new MixloadError('CONFIG_INVALID', 'Name two ids, the new one and the distinct id: mixload alias NEW OLD.')
    }
    return sendAndReport(context, `${alias} for ${distinctId}`, (client) => client.createAlias(alias, distinctId))
  },
}
