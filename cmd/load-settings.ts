import type { Options } from 'yargs'
import type { FlagName } from '../lib/settings.ts'

/**
 * The settings of every command that loads from Mixpanel, and of those that look at what such a
 * command would do.
 */
export const LOAD_SETTINGS: readonly FlagName[] = [
  'destination',
  'schema',
  'bigqueryEndpoint',
  'streams',
  'from',
  'to',
  'region',
  'apiUrl',
  'projectId',
  'timezone',
  'legacyTime',
  'events',
  'includeProperties',
  'excludeProperties',
  'newProperties',
  'maxColumns',
  'maxRejects',
  'write',
  'sliceDays',
  'funnelWindow',
  'engagePageSize',
  'engageWhere',
  'engageProperties',
  'engageHistory',
  'includeAllUsers',
  'requestsPerHour',
  'requestsPerSecond',
  'queryRequestsPerHour',
  'queryRequestsAtOnce',
  'idleTimeout',
  'firstByteTimeout',
  'memoryLimit',
  'spoolDir',
  'stateDir',
]

/** Those of `sync`, and of what looks at it. */
export const SYNC_SETTINGS: readonly FlagName[] = [...LOAD_SETTINGS, 'attributionWindow', 'lateArrivals']

/** The flag of what loads from Mixpanel and can say beforehand what that is. */
export const DRY_RUN: Readonly<Record<string, Options>> = {
  'dry-run': { type: 'boolean', describe: 'Only say what would be asked for; ask and make nothing', default: false },
}
