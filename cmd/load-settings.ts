import type { Options } from 'yargs'
import { FLAGS, type FlagName } from '../lib/settings.ts'
import { textFlag } from './command.ts'

/** The settings of `sync` and `plan`: all that have a flag. */
export const SYNC_SETTINGS: readonly FlagName[] = FLAGS

/** The settings of the other commands that load from Mixpanel, and of `check` and `verify`. */
export const LOAD_SETTINGS = FLAGS.filter((name) => name !== 'attributionWindow' && name !== 'lateArrivals')

/** The settings of every command that opens the warehouse. */
export const WAREHOUSE_SETTINGS = [
  'destination',
  'schema',
  'bigqueryEndpoint',
  'allowHttp',
  'memoryLimit',
  'spoolDir',
] as const

/** The settings of commands that read nothing from Mixpanel but its Lexicon. */
export const LEXICON_SETTINGS = ['lexicon', 'region', 'apiUrl', 'projectId', 'idleTimeout', 'firstByteTimeout'] as const

/** The flag of commands that can show what they would request. */
export const DRY_RUN: Readonly<Record<string, Options>> = {
  'dry-run': {
    type: 'boolean',
    describe: 'Only show what would be requested; send and create nothing',
    default: false,
  },
}

/** `--timezone` of a command that does not ask Mixpanel for it. */
export function timezoneFlag(defaultDescription: string) {
  return { timezone: textFlag("The project's time zone", { defaultDescription }) }
}
