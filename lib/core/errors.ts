/** How each error code is handled. */
export interface ErrorHandling {
  /** The exit code of a process that this error ends. */
  readonly exitCode: 1 | 2 | 3 | 130
  /** Whether the same request may be retried after a wait. */
  readonly retry: boolean
}

const FAILED: ErrorHandling = { exitCode: 1, retry: false }
const MISCONFIGURED: ErrorHandling = { exitCode: 2, retry: false }
const TRANSIENT: ErrorHandling = { exitCode: 1, retry: true }

/** Every code that an error of mixload can have. Act on the code, never on the message. */
export const ERROR_CODES = {
  /** A setting is missing, unknown or has an invalid value. */
  CONFIG_INVALID: MISCONFIGURED,
  /** Mixpanel does not accept the credentials. */
  CREDENTIALS_REFUSED: MISCONFIGURED,
  /** 402: the project's plan does not include this stream. */
  PLAN_REFUSED: { exitCode: 3, retry: false },
  /** 403: the credentials may not read this stream. */
  PERMISSION_REFUSED: { exitCode: 3, retry: false },
  /** 404: the project, or the stream, does not exist in this region; or no client has this name. */
  NOT_FOUND: { exitCode: 3, retry: false },
  /** Mixpanel refuses the request. */
  REQUEST_REFUSED: FAILED,
  /** `to_date` is after today in the project's time zone. */
  DAY_IN_FUTURE: FAILED,
  /** 429. */
  RATE_LIMITED: TRANSIENT,
  /** 5xx. */
  SERVER_FAILED: TRANSIENT,
  /** There was no response. */
  NETWORK_FAILED: TRANSIENT,
  /** The server's certificate is not trusted. */
  CERTIFICATE_REFUSED: FAILED,
  /** The connection broke, or fell silent, within the body of a response. */
  CONNECTION_CUT: TRANSIENT,
  /** Mixpanel stopped a query that took too long: request less. */
  QUERY_TIMEOUT: TRANSIENT,
  /** The body ended too early, although the status was 200. */
  BODY_TRUNCATED: TRANSIENT,
  /** The body has an unexpected form, such as the error page of a proxy. */
  BODY_UNREADABLE: TRANSIENT,
  /** A response that must be read whole does not fit in memory. */
  ANSWER_TOO_LARGE: FAILED,
  /** The session whose pages were being read has expired: reading starts again. */
  SESSION_LOST: FAILED,
  /** A file does not exist, cannot be read, or is too large for one load. */
  FILE_REFUSED: FAILED,
  /** Writing or reading the spool failed. */
  SPOOL_FAILED: FAILED,
  /** The transform engine failed. */
  ENGINE_FAILED: FAILED,
  /** More lines would be rejected than `--max-rejects` allows. */
  TOO_MANY_REJECTS: FAILED,
  /** A replacement would remove more rows than `--max-removed` allows: the old rows stay. */
  ROWS_WOULD_BE_LOST: { exitCode: 3, retry: false },
  /** The numbers of rows before and after a step differ: nothing was committed. */
  COUNT_MISMATCH: FAILED,
  /** A record cannot be sent: an option is unknown, or a value is invalid. */
  RECORD_INVALID: MISCONFIGURED,
  /** A client of this name is already running, or another one uses its spool. */
  ALREADY_STARTED: FAILED,
  /** Some records were not delivered in time. */
  UNDELIVERED: FAILED,
  /** Another run is writing to the destination. */
  DESTINATION_BUSY: FAILED,
  /** The destination refused a statement. */
  DESTINATION_FAILED: FAILED,
  /** The destination cannot be reached, or is overloaded; nothing was committed. */
  DESTINATION_UNAVAILABLE: TRANSIENT,
  /** The connection broke during a commit: the ledger shows whether it has the load. */
  COMMIT_IN_DOUBT: TRANSIENT,
  /** The ledger already has this load. */
  ALREADY_LOADED: FAILED,
  /** The destination has been closed. */
  CLOSED: FAILED,
  /** The user ended the run. */
  INTERRUPTED: { exitCode: 130, retry: false },
} as const satisfies Record<string, ErrorHandling>

/** One of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES

/** Details of an error. */
export interface ErrorDetails {
  readonly cause?: unknown
  /** How long the server asks to wait, milliseconds. */
  readonly retryAfterMs?: number | undefined
}

/** An error with a code and a message that says what to do. It never contains a secret. */
export class MixloadError extends Error {
  override readonly name = 'MixloadError'
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.retryAfterMs = details.retryAfterMs
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exitCode
  }

  get retry(): boolean {
    return ERROR_CODES[this.code].retry
  }
}

/** Whether an error is a MixloadError with one of these codes. */
export function isFailure(error: unknown, ...codes: readonly ErrorCode[]): error is MixloadError {
  return error instanceof MixloadError && codes.includes(error.code)
}

/** The first error. If closing a resource fails as well, `await using` throws both in one. */
function firstFailure(error: unknown): unknown {
  // Only some versions of Node have a class for it.
  const isBoth = error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error
  return isBoth ? firstFailure(error.suppressed) : error
}

/** The error that a run ends with: INTERRUPTED if it was aborted, else the first error. */
export function runFailure(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted) return firstFailure(error)
  return new MixloadError('INTERRUPTED', 'Stopped. What is committed stays; run again to continue.')
}

/** The message of anything thrown, with those of its causes if they add something. */
export function messageOf(error: unknown): string {
  const message = messageWithCauses(error)
  return NO_FILES.test(message) && !message.includes(MORE_FILES) ? `${message} (${MORE_FILES})` : message
}

/** What the system, Node and DuckDB say where a process may open no more files or connections. */
const NO_FILES = /\bE[MN]FILE\b|too many open files/i
const MORE_FILES = 'the limit on open files is too low: raise it, for example with ulimit -n 1024'

function messageWithCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  let { cause } = error
  while (cause instanceof Error && error.message.includes(cause.message)) cause = cause.cause
  return cause instanceof Error ? `${error.message} (${messageWithCauses(cause)})` : error.message
}
