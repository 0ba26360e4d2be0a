import type { ColumnType } from '../columns/column.ts'
import type { IdMerge } from '../mixpanel/id-merge.ts'
import type { Region } from '../mixpanel/regions.ts'
import type { StreamName } from '../settings.ts'

/**
 * Settings as a program gives them, by the names that they have in mixload.yaml. All are optional,
 * and docs/settings.md says what they mean and what the defaults are. They are validated when they
 * are used.
 * @example
 * { destination: 'duckdb:warehouse.duckdb', streams: ['export', 'engage'], maxRejects: '1%' }
 */
export interface SettingsInput {
  /** Where to load, such as `duckdb:PATH` or `postgres://USER@HOST/DATABASE`. */
  readonly destination?: string | undefined
  /** Schema (dataset) in the destination. */
  readonly schema?: string | undefined
  /** URL of a BigQuery emulator. */
  readonly bigqueryEndpoint?: string | undefined
  /** All where left out. */
  readonly streams?: readonly StreamName[] | undefined
  /** First and last day: `2026-08-31`, `2026-08`, `2026`, or `30d` for days before today. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly region?: Region | undefined
  /** URL to use instead of Mixpanel's hosts, such as that of a simulator. */
  readonly apiUrl?: string | undefined
  /** Lets `apiUrl` and `bigqueryEndpoint` be `http://` URLs of other machines. */
  readonly allowHttp?: boolean | undefined
  readonly projectId?: string | number | undefined
  readonly serviceAccount?: string | undefined
  readonly serviceAccountSecret?: string | undefined
  /** Project secret, instead of a service account. */
  readonly apiSecret?: string | undefined
  /** Project token. Only what sends to Mixpanel needs it. */
  readonly token?: string | undefined
  /** The project's time zone, such as `Europe/Berlin`. Mixpanel is asked where left out. */
  readonly timezone?: string | undefined
  /** Times are local: for projects older than 2023. */
  readonly legacyTime?: boolean | undefined
  /** Whether properties are described in the words of Mixpanel's Lexicon. */
  readonly lexicon?: boolean | undefined
  /** How the project merges ids; by default, its events show it. */
  readonly idMerge?: IdMerge | undefined
  /** Days that sync reads again. */
  readonly attributionWindow?: number | undefined
  /** Days of funnels that sync reads again. */
  readonly funnelWindow?: number | undefined
  /** Also load events of older days that arrived late. */
  readonly lateArrivals?: boolean | undefined
  /** Only events of these names. */
  readonly events?: readonly string[] | undefined
  /** Only, or not, these properties of events and profiles; `*` matches any characters. */
  readonly includeProperties?: readonly string[] | undefined
  readonly excludeProperties?: readonly string[] | undefined
  /** What to do with properties that have no column yet. */
  readonly newProperties?: 'capture' | 'ignore' | undefined
  /** The most rejected lines: a number for a run, or a share such as `0.5%` for a commit. */
  readonly maxRejects?: string | number | undefined
  /**
   * Keep the old rows if a replacement would remove more rows of a day or table: a number, or a
   * share such as `50%`; `100%` allows all.
   */
  readonly maxRemoved?: string | number | undefined
  /** The most columns per table. */
  readonly maxColumns?: number | undefined
  /** Types of properties, by name. */
  readonly columns?: Readonly<Record<string, ColumnType>> | undefined
  /** Whether dates, timestamps and whole numbers get columns of their own type. */
  readonly inferTypes?: boolean | undefined
  /** Whether a day that is read again gets more rows, or new ones in the place of its rows. */
  readonly write?: 'append' | 'replace' | undefined
  /** Days per request. */
  readonly sliceDays?: number | undefined
  /** Limits on export requests; 0 for none. */
  readonly requestsPerHour?: number | undefined
  readonly requestsPerSecond?: number | undefined
  /** Concurrent export requests. */
  readonly requestsAtOnce?: number | undefined
  /** No further days are requested while so much waits in the spool, such as `256MB`. */
  readonly spoolAhead?: string | undefined
  /** Limits on the requests of all other streams; 0 for none. */
  readonly queryRequestsPerHour?: number | undefined
  readonly queryRequestsAtOnce?: number | undefined
  /** Profiles per request. */
  readonly engagePageSize?: number | undefined
  /** Only profiles for which this expression holds, such as `properties["plan"] == "pro"`. */
  readonly engageWhere?: string | undefined
  /** Only these properties of profiles. */
  readonly engageProperties?: readonly string[] | undefined
  /** Keep earlier states of profiles in the view `engage_history`. */
  readonly engageHistory?: boolean | undefined
  /** Include cohort members without a profile. */
  readonly includeAllUsers?: boolean | undefined
  /** Group keys whose profiles to load, each with its data group id. */
  readonly groups?: Readonly<Record<string, string>> | undefined
  /** Seconds of silence after which a response fails, and seconds to wait for its first byte. */
  readonly idleTimeout?: number | undefined
  readonly firstByteTimeout?: number | undefined
  /** Memory limit of the transform engine, such as `400MB`. */
  readonly memoryLimit?: string | undefined
  /** Directory for downloaded data that is not loaded yet. */
  readonly spoolDir?: string | undefined
  /** Directory for the request budget that runs share. */
  readonly stateDir?: string | undefined
}
