import { z } from 'zod'
import { MixloadError } from '../core/errors.ts'
import type { RetryPolicy } from '../core/retry.ts'
import { REGIONS, type Region } from '../mixpanel/regions.ts'
import { INGEST_RETRIES } from './delivery.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX } from './endpoints.ts'
import { checkProperties, EVENT_LIMITS, type Properties } from './property-values.ts'
import type { Tell } from './report.ts'
import type { ImportCredentials } from './sender.ts'

/** How a client is set up. Only the token is needed, or credentials for an import. */
export interface IngestOptions {
  /** Under which `clientNamed` finds it; a client without a name is known to nobody else. */
  readonly name?: string | undefined
  /** The project token. A client that has none can only import. */
  readonly token?: string | undefined
  /** Where the project's data lives; `us` where left out. */
  readonly region?: Region | undefined
  /** Address in the place of Mixpanel's host. */
  readonly apiUrl?: string | undefined
  /** Who imports, where that is not to be the token. */
  readonly credentials?: ImportCredentials | undefined
  /** Properties of every event that is tracked; those of a call count more. */
  readonly superProperties?: Properties | undefined
  /**
   * True has Mixpanel look up the place of the address that requests come from, for records that name none: for programs
   * that run where the person is, and not for servers.
   */
  readonly geolocate?: boolean | undefined
  /** The most records of one request, 2,000, and the most bytes, 2 MB. */
  readonly batchRecords?: number | undefined
  readonly batchBytes?: number | undefined
  /** Requests at once for events; profile updates always go one after the other. 4 where left out. */
  readonly requestsAtOnce?: number | undefined
  /** How long a record waits for others to go with it, milliseconds; 1,000 where left out. */
  readonly lingerMs?: number | undefined
  /** The most records (20,000) and bytes (32 MB) that may be on their way to one endpoint before calls wait. */
  readonly queueRecords?: number | undefined
  readonly queueBytes?: number | undefined
  /** Longest wait for an answer, milliseconds; 60,000 where left out. */
  readonly timeoutMs?: number | undefined
  /** How long `close`, and the end of the process, go on delivering, milliseconds; 10,000 where left out. */
  readonly closeTimeoutMs?: number | undefined
  /**
   * Whether a process that is asked to end (SIGTERM, SIGINT, SIGHUP) closes this client first; true where left out. Where
   * the program listens to the signal itself, it decides when the process ends.
   */
  readonly closeOnSignals?: boolean | undefined
  readonly retry?: RetryPolicy | undefined
  /** A directory where records are kept until Mixpanel has answered, for the next start to send what is left. */
  readonly spool?: string | undefined
  /** Told of refusals, failures and retries; where left out, refusals and failures are warnings of the process. */
  readonly tell?: Tell | undefined
}

const count = (least: number, most = Number.MAX_SAFE_INTEGER) => z.int().min(least).max(most)
const text = z.string().min(1)

/** Every event has its own. */
const OWN = ['time', '$insert_id']

function areSuperProperties(given: unknown): boolean {
  try {
    const properties = checkProperties(given, 'superProperties', EVENT_LIMITS)
    return !OWN.some((name) => Object.hasOwn(properties, name))
  } catch {
    // What is wrong is said of all in one.
    return false
  }
}

const OPTIONS = z.strictObject({
  name: text.optional(),
  token: text.optional(),
  region: z.enum(REGIONS).default('us'),
  apiUrl: z.url({ protocol: /^https?$/ }).optional(),
  credentials: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('service-account'), user: text, secret: text, projectId: text }),
      z.strictObject({ kind: z.literal('project-secret'), secret: text }),
    ])
    .optional(),
  superProperties: z
    .custom<Properties>(areSuperProperties, `must be properties as of an event, without ${OWN.join(' and ')}`)
    .optional(),
  geolocate: z.boolean().default(false),
  batchRecords: count(1, BATCH_RECORDS_MAX).default(BATCH_RECORDS_MAX),
  batchBytes: count(1).default(BATCH_BYTES_MAX),
  requestsAtOnce: count(1, 20).default(4),
  lingerMs: count(0).default(1000),
  queueRecords: count(1).default(20_000),
  queueBytes: count(1).default(32_000_000),
  timeoutMs: count(1).default(60_000),
  closeTimeoutMs: count(0).default(10_000),
  closeOnSignals: z.boolean().default(true),
  retry: z.custom<RetryPolicy>((value) => typeof value === 'object' && value !== null).default(INGEST_RETRIES),
  spool: text.optional(),
  tell: z.custom<Tell>((value) => typeof value === 'function', 'must be a function').optional(),
})

export type CheckedOptions = z.output<typeof OPTIONS>

/** @throws MixloadError CONFIG_INVALID naming each option that is unknown or wrong; values are not repeated. */
export function checkedClientOptions(options: unknown): CheckedOptions {
  const parsed = OPTIONS.safeParse(options ?? {})
  if (parsed.success) {
    const { token, credentials } = parsed.data
    if (token !== undefined || credentials !== undefined) return parsed.data
    throw new MixloadError('CONFIG_INVALID', 'Options of the client: token is missing.')
  }
  const wrong = parsed.error.issues.map((issue) => {
    if (issue.code !== 'unrecognized_keys') return `${issue.path.map(String).join('.')}: ${issue.message}`
    return `${issue.keys.join(', ')} is not an option. Known: ${Object.keys(OPTIONS.shape).join(', ')}`
  })
  throw new MixloadError('CONFIG_INVALID', `Options of the client: ${wrong.join('; ')}.`)
}
