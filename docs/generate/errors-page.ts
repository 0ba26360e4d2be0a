import { ERROR_CODES, type ErrorCode } from '../../lib/core/errors.ts'
import { DEFAULT_RETRIES } from '../../lib/core/retry.ts'
import { DESTINATION_RETRIES } from '../../lib/destination/retries.ts'
import { ANSWER_FAILURES } from '../../lib/extract/slice-source.ts'

import { code, page, table } from './markdown.ts'

/** What each code means and what to do. The message of an error has the details. */
const ERRORS: Readonly<Record<ErrorCode, string>> = {
  CONFIG_INVALID: 'A setting is missing, unknown, or has a value that is not allowed. The message says which.',
  CREDENTIALS_REFUSED:
    'Mixpanel does not accept the credentials, or has the project in another region. Check the user name, the secret, the project id and the region, and that the service account has not expired. `mixload check` also tries the other regions.',
  PLAN_REFUSED:
    "Mixpanel returned 402: the project's plan does not include this stream. The stream is skipped; the others are loaded. To leave it out, name the others with `--streams`.",
  PERMISSION_REFUSED:
    'Mixpanel returned 403: the service account may not read this stream. The stream is skipped. Give the account access to the project.',
  NOT_FOUND:
    'Mixpanel returned 404, or the service account does not see the project. Check the project id and the region. In a program: no client has this name.',
  REQUEST_REFUSED: "Mixpanel refused the request for an unknown reason. The message has Mixpanel's own words.",
  DAY_IN_FUTURE:
    "The last day is after the project's today. A load requests one day less by itself. If `mixload check` shows this, the time zone is wrong.",
  RATE_LIMITED: "Mixpanel still returned 429 after all retries. Someone else is using up the project's limit.",
  SERVER_FAILED: 'Mixpanel returned 5xx or 408 every time. Run again later.',
  NETWORK_FAILED: 'No connection, or no response in time, every time. Run again later.',
  CERTIFICATE_REFUSED:
    "The server's certificate is not trusted. If a proxy signs the traffic, name its certificate in `NODE_EXTRA_CA_CERTS`.",
  CONNECTION_CUT:
    'The connection broke, or was silent past a timeout, in the middle of a body, every time. Less is requested; a day that still fails is skipped.',
  QUERY_TIMEOUT:
    'Mixpanel gave up on a query that takes too long. Less is requested; a day that still fails is skipped.',
  BODY_TRUNCATED:
    'A body stopped before its end, although the status was 200. Less is requested; a day that still fails is skipped. A file with this error is skipped at once.',
  BODY_UNREADABLE:
    "A body is not an export at all, such as a proxy's error page with status 200, or it has the events of other days, or lines that are not events and differ each time. Less is requested; a day that still fails is skipped. A file of another format is skipped at once.",
  ANSWER_TOO_LARGE:
    'A response that must be read as a whole has more than 512 MB. Request smaller pages of profiles (`--engage-page-size`).',
  SESSION_LOST:
    'Mixpanel forgot, several times, the session whose pages were being read. Nothing was committed. Run again.',
  FILE_REFUSED:
    'A file given to `mixload load` does not exist, is a directory, cannot be read, or has more days than the destination takes in one load. The other files are loaded.',
  SPOOL_FAILED:
    'The spool or the request budget cannot be written. Free space, or set `--spool-dir` or `--state-dir` to another directory.',
  ENGINE_FAILED: 'The embedded DuckDB failed outside of a load. Please report it.',
  TOO_MANY_REJECTS:
    'More lines were rejected than `--max-rejects` allows. The message has the first reasons. What was committed before stays.',
  ROWS_WOULD_BE_LOST:
    'A new answer has no rows, or far fewer, where the warehouse has rows, so the old rows stay. Look in Mixpanel. If the rows are gone on purpose, run again with `--max-removed 100%`.',
  COUNT_MISMATCH: 'The number of rows stored is not the number of rows read. Nothing was committed. Please report it.',
  RECORD_INVALID: 'A record to send has an unknown option or a wrong value. The message names it. Nothing was sent.',
  ALREADY_STARTED: 'A client with this name is already running, or another process uses its spool directory.',
  UNDELIVERED:
    'Mixpanel did not accept all records in time. The message says how many are left. With a spool, they are sent at the next start.',
  DESTINATION_BUSY: 'Another run has the destination. The message says which.',
  DESTINATION_FAILED: 'The destination failed. The message has the cause. Nothing of the slice was committed.',
  DESTINATION_UNAVAILABLE:
    'The destination could not be reached, or was busy with something else, for half an hour. Nothing of the slice was committed. Run again.',
  COMMIT_IN_DOUBT:
    'The connection broke during a commit. As soon as the destination can be reached, mixload asks the ledger whether the load is there. As an error, it means that the destination could not be reached for half an hour. Run again: the ledger decides.',
  ALREADY_LOADED: 'The ledger already has a load with this id. Nothing was committed. Please report it.',
  CLOSED: 'The destination was used after it had been closed. Please report it.',
  INTERRUPTED: 'Stopped by ^C or SIGTERM. What was committed stays. Run again to continue.',
}

/** `docs/errors.md`: exit codes, and what each error code means. */
export function errorsPage(): string {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[]
  const rows = codes.map((name) => [code(name), String(ERROR_CODES[name].exitCode), retriesOf(name), ERRORS[name]])
  const { firstDelayMs, delayMaxMs } = DEFAULT_RETRIES
  return page(
    '# Exit codes and errors',
    'For help by symptom, see [troubleshooting](troubleshooting.md).',
    '## Exit codes',
    table(
      ['Exit code', 'Meaning'],
      [
        ['0', 'Done.'],
        [
          '1',
          'Failed, even if only one of several streams did. What was committed before stays, and nothing is half loaded. `mixload check` also exits with 1 if a line says NO.',
        ],
        [
          '2',
          'The command line, the settings or the credentials are wrong. Running again without a change does not help.',
        ],
        [
          '3',
          'Done, but not completely: lines were rejected, a day or file was skipped, or a stream was skipped because the plan or the permissions do not include it. Standard output lists what.',
        ],
        ['4', '`mixload verify` found counts that differ.'],
        ['130', 'Stopped by ^C or SIGTERM. A second ^C ends the process at once, which is safe too.'],
      ],
    ),
    `Results go to standard output. Everything else goes to standard error: a progress display on a terminal, otherwise
one line of JSON per event. There, an error has \`"kind":"failed"\` and its \`code\`. Act on the code; messages may change.`,
    '## Error codes',
    `_Retries_ is how often one export request is sent again after such a failure. Each code is counted separately. The
delay is ${firstDelayMs / 1000} s, doubled each time up to ${delayMaxMs / 1000} s, plus up to a tenth at random. If Mixpanel sends
\`Retry-After\`, that is used instead if it is longer, up to an hour.`,
    table(['Code', 'Exit code', 'Retries', 'Meaning and what to do'], rows),
    `The exit code is that of an error that ends a run. A skipped slice
(${ANSWER_FAILURES.map(code).join(', ')}) does not end the run:
the other slices are loaded, and the exit code is 3. The same is true for a file that \`mixload load\` skips.`,
  )
}

function retriesOf(name: ErrorCode): string {
  const tries = DEFAULT_RETRIES.retries[name] ?? DESTINATION_RETRIES.retries[name]
  if (ANSWER_FAILURES.some((failure) => failure === name)) return `${tries ?? 1}, then less is requested`
  return String(tries ?? 0)
}
