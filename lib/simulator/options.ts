import type { Credentials } from './http/auth.ts'
import type { Plan } from './http/plan.ts'
import type { EngageOptions } from './stores/engage-sessions.ts'
import type { IdentityVariant } from './stores/identity.ts'

/** How a simulator is set up. */
export interface SimulatorOptions {
  readonly projectId?: string | undefined
  readonly serviceAccount?: Credentials['serviceAccount'] | undefined
  readonly apiSecret?: string | undefined
  readonly token?: string | undefined
  /** IANA name; UTC when left out. */
  readonly timezone?: string | undefined
  /** A project made before 2023: days and `time` of an export are local. */
  readonly legacyTime?: boolean | undefined
  readonly projectName?: string | undefined
  /** What is refused, and how; nothing when left out. */
  readonly plan?: Plan | undefined
  /** Of each API family; 60 when left out, 0 for no limit. */
  readonly requestsPerHour?: number | undefined
  /** Of exports; 3 when left out, 0 for no limit. */
  readonly requestsPerSecond?: number | undefined
  /** 100 when left out, 0 for no limit. */
  readonly concurrentExports?: number | undefined
  /** Whether a 429 carries `Retry-After`, which Mixpanel does not promise; true when left out. */
  readonly retryAfter?: boolean | undefined
  /** The project's day, `yyyy-mm-dd`; the real one when left out. */
  readonly today?: string | undefined
  /** Any free one when left out. */
  readonly port?: number | undefined
  /** 127.0.0.1 when left out. */
  readonly host?: string | undefined
  /** Where events are kept. When left out, a temporary directory that goes with the simulator. */
  readonly dataDirectory?: string | undefined
  /** NDJSON files to begin with, `.gz` too; their times are true UTC, also for a legacy project. */
  readonly data?: readonly string[] | undefined
  /** NDJSON files of user profiles, each `{"$distinct_id":…,"$properties":{…}}`. */
  readonly profiles?: readonly string[] | undefined
  /** Likewise for groups, by the `data_group_id` of their key. */
  readonly groupProfiles?: Readonly<Record<string, readonly string[]>> | undefined
  /** NDJSON files of saved cohorts, each in the form of `CohortInput`. */
  readonly cohorts?: readonly string[] | undefined
  /** NDJSON files of annotations, each in the form of `AnnotationInput`. */
  readonly annotations?: readonly string[] | undefined
  /** How the app API writes dates of annotations: with the project's offset, as has been seen, or without, as documented. */
  readonly annotationDates?: 'offset' | 'plain' | undefined
  /** NDJSON files of saved funnels, each in the form of `FunnelInput`. */
  readonly funnels?: readonly string[] | undefined
  readonly engage?: EngageOptions | undefined
  /** How ids become one person: by the events `$identify`, `$create_alias` and `$merge` (when left out), or by `$device_id` and `$user_id`. */
  readonly identity?: IdentityVariant | undefined
  /** How long after ids have become one an export still has the old one; 0 when left out. */
  readonly rekeySeconds?: number | undefined
  /** The `data_group_id` under which profiles that are sent for a group key are found; the key itself when left out. */
  readonly groupKeys?: Readonly<Record<string, string>> | undefined
  /** The largest body of `POST /import`, unpacked; 2 MiB when left out. */
  readonly importBytesMax?: number | undefined
  /** Fixes the order of export lines. */
  readonly seed?: number | undefined
}

/** The credentials of a simulator that was given none. */
export const DEFAULT_CREDENTIALS: Credentials = {
  projectId: '1000001',
  serviceAccount: { user: 'simulator.local.mp-service-account', secret: 'simulator-service-account-secret' },
  apiSecret: 'simulator-project-secret',
  token: 'simulator-project-token',
}
