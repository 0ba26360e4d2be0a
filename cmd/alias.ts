import { MixloadError } from '../lib/core/errors.ts'
import type { Command } from './command.ts'
import { INGEST_SETTINGS, SEND_OPTIONS, sendAndReport } from './ingest-client.ts'

/** `mixload alias NEW OLD`: adds an id to a person. */
export const command: Command = {
  oneProject: true,
  settings: INGEST_SETTINGS,
  options: SEND_OPTIONS,
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
    const label = `${alias} for ${distinctId}`
    return sendAndReport(context, {
      what: `1 alias, ${label}`,
      label,
      queue: (client) => client.createAlias(alias, distinctId),
    })
  },
}
