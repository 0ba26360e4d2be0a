import { isUnencrypted } from '../core/addresses.ts'
import { MixloadError } from '../core/errors.ts'
import type { RetryPolicy } from '../core/retry.ts'
import { REGIONS, type Region } from '../mixpanel/regions.ts'
import { type Check, isBoolean, isNonEmptyText, isOneOf, isText, isWholeNumber, optionProblems } from './checks.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX } from './endpoints.ts'
import { checkProperties, EVENT_LIMITS, type Properties } from './property-values.ts'
import type { DeliveryNotice } from './report.ts'

/** Credentials for imports. Without them, the client uses the project token. */
export type ImportCredentials =
  | { readonly kind: 'service-account'; readonly user: string; readonly secret: string; readonly projectId: string }
  | { readonly kind: 'project-secret'; readonly secret: string }

/** Mixpanel's advice for sending: wait two seconds, and double the wait up to a minute. */
const INGEST_RETRIES: RetryPolicy = {
  retries: { NETWORK_FAILED: 10, SERVER_FAILED: 10, RATE_LIMITED: 60 },
  firstDelayMs: 2000,
  delayMaxMs: 60_000,
}

/** Options of a client. Only `token` is required, or `credentials` to only import. */
export interface IngestOptions {
  /** The name by which `clientNamed` finds this client. */
  readonly name?: string | undefined
  /** The project token. A client without one can only import. */
  readonly token?: string | undefined
  /** Where Mixpanel stores the project's data. Default: `us`. */
  readonly region?: Region | undefined
  /** A URL to use instead of Mixpanel's host. */
  readonly apiUrl?: string | undefined
  /** Lets `apiUrl` be an `http://` URL of another machine. Default: false. */
  readonly allowHttp?: boolean | undefined
  /** The credentials for imports. Default: the token. */
  readonly credentials?: ImportCredentials | undefined
  /** Properties of every tracked event. Properties of the call win. */
  readonly superProperties?: Properties | undefined
  /**
   * Lets Mixpanel derive city and country from the address that requests come from, for records
   * that have no address. Use it in programs that run where the person is, not on servers.
   */
  readonly geolocate?: boolean | undefined
  /** The most records in one request. Default and maximum: 2,000. */
  readonly batchRecords?: number | undefined
  /** The most bytes in one request, before compression. Default: 2 MB. */
  readonly batchBytes?: number | undefined
  /** Concurrent requests for events; profile updates are sent one by one. Default: 4. */
  readonly requestsAtOnce?: number | undefined
  /** How long a record waits for others to share its request, in milliseconds. Default: 1,000. */
  readonly lingerMs?: number | undefined
  /** How many records one endpoint's queue may hold before calls wait. Default: 20,000. */
  readonly queueRecords?: number | undefined
  /** How many bytes one endpoint's queue may hold before calls wait. Default: 32 MB. */
  readonly queueBytes?: number | undefined
  /** How long to wait for a response, in milliseconds. Default: 60,000. */
  readonly timeoutMs?: number | undefined
  /** How long `close` or the end of the process waits, in milliseconds. Default: 10,000. */
  readonly closeTimeoutMs?: number | undefined
  /**
   * Whether SIGTERM, SIGINT and SIGHUP close this client before the process ends. If the program
   * has its own listener for the signal, the program decides when the process ends. Default: true.
   */
  readonly closeOnSignals?: boolean | undefined
  /** How often, and after which delay, failed requests are repeated. */
  readonly retry?: RetryPolicy | undefined
  /** A directory that keeps records until Mixpanel accepts them, also for the next start. */
  readonly spool?: string | undefined
  /**
   * Checks everything and sends nothing: records that would be sent count as accepted, and the
   * spool is left alone. Default: false.
   */
  readonly dryRun?: boolean | undefined
  /** Called for rejections, failures and retries. Default: process warnings, except retries. */
  readonly onNotice?: ((notice: DeliveryNotice) => void) | undefined
}

const DEFAULTS = {
  region: 'us',
  allowHttp: false,
  geolocate: false,
  batchRecords: BATCH_RECORDS_MAX,
  batchBytes: BATCH_BYTES_MAX,
  requestsAtOnce: 4,
  lingerMs: 1000,
  queueRecords: 20_000,
  queueBytes: 32_000_000,
  timeoutMs: 60_000,
  closeTimeoutMs: 10_000,
  closeOnSignals: true,
  dryRun: false,
  retry: INGEST_RETRIES,
} as const satisfies IngestOptions

type Defaulted = { readonly [Name in keyof typeof DEFAULTS]: NonNullable<IngestOptions[Name]> }

export type CheckedOptions = Omit<IngestOptions, keyof Defaulted> & Defaulted

const REQUESTS_AT_ONCE_MAX = 20

const OPTIONS: Readonly<Record<keyof IngestOptions, Check>> = {
  name: isNonEmptyText,
  token: isNonEmptyText,
  region: isOneOf(REGIONS),
  apiUrl: (value) =>
    typeof value === 'string' && URL.canParse(value) && /^https?:/i.test(value)
      ? undefined
      : 'must be an http or https URL',
  allowHttp: isBoolean,
  credentials: credentialsProblem,
  superProperties: superPropertiesProblem,
  geolocate: isBoolean,
  batchRecords: isWholeNumber(1, BATCH_RECORDS_MAX),
  batchBytes: isWholeNumber(1),
  requestsAtOnce: isWholeNumber(1, REQUESTS_AT_ONCE_MAX),
  lingerMs: isWholeNumber(0),
  queueRecords: isWholeNumber(1),
  queueBytes: isWholeNumber(1),
  timeoutMs: isWholeNumber(1),
  closeTimeoutMs: isWholeNumber(0),
  closeOnSignals: isBoolean,
  dryRun: isBoolean,
  retry: (value) => (typeof value === 'object' && value !== null ? undefined : 'must be a retry policy'),
  spool: isNonEmptyText,
  onNotice: (value) => (typeof value === 'function' ? undefined : 'must be a function'),
}

/** Returns the options with defaults. Throws CONFIG_INVALID naming each wrong option. */
export function checkClientOptions(options: unknown): CheckedOptions {
  const problems = optionProblems(options ?? {}, OPTIONS)
  if (problems.length > 0) throw new MixloadError('CONFIG_INVALID', `Options of the client: ${problems.join('; ')}.`)
  const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined)
  const checked: CheckedOptions = { ...DEFAULTS, ...Object.fromEntries(given) }
  const { token, credentials } = checked
  if (!checked.allowHttp && isUnencrypted(checked.apiUrl ?? '')) {
    throw new MixloadError(
      'CONFIG_INVALID',
      'Options of the client: apiUrl is an http:// URL of another machine, which sends events and token unencrypted. Use https://, or set allowHttp.',
    )
  }
  if (token !== undefined || credentials !== undefined) {
    // A line break at the end, as of a variable that comes from a file, is not part of a secret.
    return {
      ...checked,
      ...(checked.dryRun ? { spool: undefined } : {}),
      ...(token === undefined ? {} : { token: token.trim() }),
      ...(credentials === undefined ? {} : { credentials: { ...credentials, secret: credentials.secret.trim() } }),
    }
  }
  throw new MixloadError('CONFIG_INVALID', 'Options of the client: token is missing.')
}

const CREDENTIALS: ReadonlyMap<unknown, Readonly<Record<string, Check>>> = new Map([
  ['service-account', { kind: isText, user: isNonEmptyText, secret: isNonEmptyText, projectId: isNonEmptyText }],
  ['project-secret', { kind: isText, secret: isNonEmptyText }],
])

function credentialsProblem(value: unknown): string | undefined {
  const { kind } = Object(value) as { readonly kind?: unknown }
  const checks = CREDENTIALS.get(kind)
  if (checks === undefined) return `must have a kind: ${[...CREDENTIALS.keys()].join(' or ')}`
  const missing = Object.keys(checks).filter((name) => Object(value)[name] === undefined)
  const problems = [...missing.map((name) => `${name} is missing`), ...optionProblems(value, checks)]
  return problems.length === 0 ? undefined : `of kind ${kind}: ${problems.join(', ')}`
}

/** Each event needs a value of its own for these. */
const NOT_SHARED = ['time', '$insert_id']

function superPropertiesProblem(value: unknown): string | undefined {
  const problem = `must be properties as of an event, without ${NOT_SHARED.join(' and ')}`
  try {
    const properties = checkProperties(value, 'superProperties', EVENT_LIMITS)
    return NOT_SHARED.some((name) => Object.hasOwn(properties, name)) ? problem : undefined
  } catch {
    return problem
  }
}
