/** How an error code is handled. */
export interface ErrorHandling {
  /** The process's exit code when this failure ends a run. */
  readonly exitCode: 1 | 2 | 3 | 130
  /** Whether the same request may be sent again after a wait. */
  readonly retry: boolean
}

const FAILED: ErrorHandling = { exitCode: 1, retry: false }
const MISCONFIGURED: ErrorHandling = { exitCode: 2, retry: false }
const PASSING: ErrorHandling = { exitCode: 1, retry: true }

/** Every code an error of mixload can have. Act on the code, never on the message. */
export const ERROR_CODES = {
  /** A setting is missing, unknown or has a bad value. */
  CONFIG_INVALID: MISCONFIGURED,
  /** Mixpanel does not accept the credentials. */
  CREDENTIALS_REFUSED: MISCONFIGURED,
  /** 402: this stream is not on the project's plan. */
  PLAN_REFUSED: { exitCode: 3, retry: false },
  /** 403: the credentials may not read this stream. */
  PERMISSION_REFUSED: { exitCode: 3, retry: false },
  /** 404: the project, or this stream of it, does not exist here; or no client has this name. */
  NOT_FOUND: { exitCode: 3, retry: false },
  /** Mixpanel refuses the request itself. */
  REQUEST_REFUSED: FAILED,
  /** `to_date` lies after the project's today. */
  DAY_IN_FUTURE: FAILED,
  /** 429. */
  RATE_LIMITED: PASSING,
  /** 5xx. */
  SERVER_FAILED: PASSING,
  /** No answer. */
  NETWORK_FAILED: PASSING,
  /** The server can't prove that it is the one that was asked for. */
  CERTIFICATE_REFUSED: FAILED,
  /** A connection that broke, or fell silent, within the body of an answer. */
  CONNECTION_CUT: PASSING,
  /** Mixpanel gave up on a scan that takes too long: ask for less. */
  QUERY_TIMEOUT: PASSING,
  /** A body that stopped before its end, although the status was 200. */
  BODY_TRUNCATED: PASSING,
  /** A body that is no export at all, such as a proxy's error page. */
  BODY_UNREADABLE: PASSING,
  /** An answer that must be read whole has no room in memory. */
  ANSWER_TOO_LARGE: FAILED,
  /** Mixpanel has forgotten the session whose pages were being read: reading begins anew. */
  SESSION_LOST: FAILED,
  /** A file that was named is not there, can't be read, or holds more than one load may. */
  FILE_REFUSED: FAILED,
  /** Writing or reading the spool failed. */
  SPOOL_FAILED: FAILED,
  /** The transform engine refused what it was given. */
  ENGINE_FAILED: FAILED,
  /** More lines would be set aside than `--max-rejects` allows. */
  TOO_MANY_REJECTS: FAILED,
  /** The counts of two sides of a border differ: nothing was committed. */
  COUNT_MISMATCH: FAILED,
  /** A record can't be sent as it is given: an option is unknown, or a value wrong. */
  RECORD_INVALID: MISCONFIGURED,
  /** A client of this name is running already, or another one uses its spool. */
  ALREADY_STARTED: FAILED,
  /** Records were not delivered in the time that there was. */
  UNDELIVERED: FAILED,
  /** Another run holds the destination. */
  DESTINATION_BUSY: FAILED,
  DESTINATION_FAILED: FAILED,
  /** The destination could not be reached, or gave way to something else; nothing was committed. */
  DESTINATION_UNAVAILABLE: PASSING,
  /** The connection broke while committing: ask the ledger for the load id. */
  COMMIT_IN_DOUBT: PASSING,
  /** The load id is in the ledger already. */
  ALREADY_LOADED: FAILED,
  /** The destination has been closed. */
  CLOSED: FAILED,
  INTERRUPTED: { exitCode: 130, retry: false },
} as const satisfies Record<string, ErrorHandling>

/** One of the codes. */
export type ErrorCode = keyof typeof ERROR_CODES

/** What an error may have beside its message. */
export interface ErrorDetails {
  readonly cause?: unknown
  /** Milliseconds that the server asked to wait. */
  readonly retryAfterMs?: number
}

/** A failure with a code to act on and a message that says what to do next. Secrets never get into it. */
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

/** Whether this is a failure of one of these codes. */
export function isFailure(error: unknown, ...codes: readonly ErrorCode[]): error is MixloadError {
  return error instanceof MixloadError && codes.includes(error.code)
}

/** What failed first, where closing what was open failed as well: `await using` throws both in one. */
export function firstFailure(error: unknown): unknown {
  // Of its own class in some versions of Node only.
  const isBoth = error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error
  return isBoth ? firstFailure(error.suppressed) : error
}

/** The message of anything thrown, with the messages of its causes where they add something. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  let { cause } = error
  while (cause instanceof Error && error.message.includes(cause.message)) cause = cause.cause
  return cause instanceof Error ? `${error.message} (${messageOf(cause)})` : error.message
}
