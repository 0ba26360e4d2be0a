import type { IdentityMode } from './identity.ts'

/** The credentials of the simulated project. */
export interface SimulatorCredentials {
  readonly projectId: string
  readonly serviceAccount: { readonly user: string; readonly secret: string }
  /** The project secret. Mixpanel stops supporting these in March 2027. */
  readonly apiSecret: string
  /** The project token, which allows ingestion only. */
  readonly token: string
}

/** Options of a simulator. */
export interface SimulatorOptions {
  readonly projectId?: string | undefined
  readonly serviceAccount?: SimulatorCredentials['serviceAccount'] | undefined
  readonly apiSecret?: string | undefined
  readonly token?: string | undefined
  /** IANA name. Default: UTC. */
  readonly timezone?: string | undefined
  /** Simulates a project created before 2023: days and `time` of exports are local. */
  readonly legacyTime?: boolean | undefined
  readonly projectName?: string | undefined
  /** The features that the project's plan lacks. Default: none. */
  readonly plan?: PricingPlan | undefined
  /** The hourly limit of each API family; 0 for no limit. Default: 60. */
  readonly requestsPerHour?: number | undefined
  /** The limit of exports per second; 0 for no limit. Default: 3. */
  readonly requestsPerSecond?: number | undefined
  /** The limit of concurrent exports; 0 for no limit. Default: 100. */
  readonly concurrentExports?: number | undefined
  /** Whether a 429 has `Retry-After`, which Mixpanel does not guarantee. Default: true. */
  readonly retryAfter?: boolean | undefined
  /** The current day in the project, `yyyy-mm-dd`. Default: the real day. */
  readonly today?: string | undefined
  /** Default: any free port. */
  readonly port?: number | undefined
  /** Default: 127.0.0.1. */
  readonly host?: string | undefined
  /** Where events are stored. Default: a temporary directory, which is deleted on close. */
  readonly dataDirectory?: string | undefined
  /** NDJSON files of events, plain or `.gz`. Their times are UTC, even for a legacy project. */
  readonly data?: readonly string[] | undefined
  /** NDJSON files of user profiles: `{"$distinct_id":…,"$properties":{…}}` per line. */
  readonly profiles?: readonly string[] | undefined
  /** NDJSON files of group profiles, by the `data_group_id` of their key. */
  readonly groupProfiles?: Readonly<Record<string, readonly string[]>> | undefined
  /** NDJSON files of cohorts: one `CohortInput` per line. */
  readonly cohorts?: readonly string[] | undefined
  /** NDJSON files of annotations: one `AnnotationInput` per line. */
  readonly annotations?: readonly string[] | undefined
  /** Dates of annotations: with the project's offset, as observed, or as documented. */
  readonly annotationDates?: 'offset' | 'plain' | undefined
  /** NDJSON files of funnels: one `FunnelInput` per line. */
  readonly funnels?: readonly string[] | undefined
  readonly engage?: EngageQueryOptions | undefined
  /**
   * How ids are merged: `original`, by the events `$identify`, `$create_alias` and `$merge`, or
   * `simplified`, by `$device_id` and `$user_id`. Default: `original`.
   */
  readonly identity?: IdentityMode | undefined
  /** How long exports still have the old id after a merge, in seconds. Default: 0. */
  readonly rekeySeconds?: number | undefined
  /** The `data_group_id` of each group key. Default: the key itself. */
  readonly groupKeys?: Readonly<Record<string, string>> | undefined
  /** The largest decompressed body of `POST /import`, in bytes. Default: 2 MiB. */
  readonly importBytesMax?: number | undefined
  /** Determines the order of exported lines. Default: 1. */
  readonly seed?: number | undefined
}

/** The default credentials. */
export const DEFAULT_CREDENTIALS: SimulatorCredentials = {
  projectId: '1000001',
  serviceAccount: { user: 'simulator.local.mp-service-account', secret: 'simulator-service-account-secret' },
  apiSecret: 'simulator-project-secret',
  token: 'simulator-project-token',
}

/** How the Engage query behaves where Mixpanel's behaviour is unknown or can differ. */
export interface EngageQueryOptions {
  /** Profiles per page if the request does not set a number. Default: 1,000, as in Mixpanel. */
  readonly pageSize?: number | undefined
  /** The most profiles per page that a request can get. Default: 10,000. */
  readonly pageSizeMax?: number | undefined
  /** Whether later pages have `total` and `page_size`, too. Default: false, as observed. */
  readonly totalOnEveryPage?: boolean | undefined
  /** How long a session lasts, in seconds. Default: 3,600. */
  readonly sessionSeconds?: number | undefined
  /** How many profiles of each page are repeated on the next page. Default: 0. */
  readonly repeatedPerPage?: number | undefined
  /** What an empty list `output_properties` selects. Default: none. */
  readonly emptyOutputProperties?: 'none' | 'all' | undefined
}

/** What a plan can lack: single streams, or all of the families `export`, `query` and `app`. */
export const PLAN_FEATURES = [
  'export',
  'query',
  'app',
  'engage',
  'groups',
  'cohorts',
  'cohort_members',
  'annotations',
  'old_annotations',
  'funnels',
  'revenue',
  'lexicon',
  'counts',
] as const

/** A part of the API that a plan can lack. */
export type PlanFeature = (typeof PLAN_FEATURES)[number]

/** How a missing feature is refused: by a status, or by a status with an error text of your own. */
export type PlanRefusal = 402 | 403 | 404 | { readonly status: number; readonly error: string }

/** The features that the project's plan lacks. */
export type PricingPlan = Readonly<Partial<Record<PlanFeature, PlanRefusal>>>

/** A Lexicon entry: the description of an event, or of profiles (`$user`). */
export interface LexiconEntry {
  readonly entityType: 'event' | 'profile' | 'custom_event'
  readonly name: string
  readonly schemaJson: Readonly<Record<string, unknown>>
}
