import type { Options } from 'yargs'
import { FLAGS, type FlagName } from '../lib/settings.ts'

/** The settings of `sync`, and of what looks at it: all that have a flag. */
export const SYNC_SETTINGS: readonly FlagName[] = FLAGS

/** The settings of every other command that loads from Mixpanel, or looks at what that would do. */
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

/** The flag of what loads from Mixpanel and can say beforehand what that is. */
export const DRY_RUN: Readonly<Record<string, Options>> = {
  'dry-run': {
    type: 'boolean',
    describe: 'Only show what would be requested; send and create nothing',
    default: false,
  },
}
