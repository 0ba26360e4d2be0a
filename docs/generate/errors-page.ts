import { ERROR_CODES, type ErrorCode } from '../../lib/core/errors.ts'
import { DEFAULT_RETRIES } from '../../lib/core/retry.ts'
import { DESTINATION_RETRIES } from '../../lib/destination/retrying.ts'
import { ANSWER_FAILURES } from '../../lib/extract/event-extractor.ts'

import { code, page, table } from './markdown.ts'

/** What each code means and what to do; the message of an error says it with its particulars. */
const ERRORS: Readonly<Record<ErrorCode, string>> = {
  CONFIG_INVALID: 'A setting is missing, unknown or has a value that is not allowed. The message says which.',
  CREDENTIALS_REFUSED:
    'Mixpanel does not accept the credentials. Check user name, secret, project id and region, and that the service account has not expired. `mixload check` also asks the other regions.',
  PLAN_REFUSED:
    'Mixpanel answered 402: this stream is not on the plan of the project. It is skipped, the others are loaded; name those with `--streams`.',
  PERMISSION_REFUSED:
    'Mixpanel answered 403: the service account may not read this stream. It is skipped. Give the account access to the project.',
  NOT_FOUND:
    'Mixpanel answered 404, or the service account does not see the project. Check project id and region. In a program: no client has this name.',
  REQUEST_REFUSED: 'Mixpanel refuses the request for a reason that is not known. The message has its words.',
  DAY_IN_FUTURE:
    "The last day lies after the project's today. A load asks for a day less by itself; seen in `mixload check`, the time zone is wrong.",
  RATE_LIMITED: 'Mixpanel answered 429 more often than was waited for. Somebody else uses up the limit of the project.',
  SERVER_FAILED: 'Mixpanel answered 5xx or 408 each time. Run again later.',
  NETWORK_FAILED: 'No connection, or no answer in time, each time. Run again later.',
  CERTIFICATE_REFUSED:
    "The server's certificate does not prove whose it is. Behind a proxy that signs for others, name its certificate in `NODE_EXTRA_CA_CERTS`.",
  CONNECTION_CUT:
    'The connection broke, or fell silent past a timeout, within a body, each time. Less is asked for; a day that still fails is set aside.',
  QUERY_TIMEOUT:
    'Mixpanel gave up on a scan that takes too long. Less is asked for; a day that still fails is set aside.',
  BODY_TRUNCATED:
    'A body that stopped before its end, although the status was 200. As before. A file that did is set aside at once.',
  BODY_UNREADABLE:
    "A body that is no export at all, such as a proxy's error page with status 200. As before. A file of another form is set aside at once.",
  ANSWER_TOO_LARGE:
    'An answer that must be read whole has over 512 MB. Ask for smaller pages of profiles (`--engage-page-size`).',
  SESSION_LOST:
    'Mixpanel forgot, several times over, the session whose pages were being read. Nothing was committed; run again.',
  FILE_REFUSED:
    'A file given to `mixload load` is not there, is a directory, cannot be read, or holds more days than the destination takes in one load. The others are loaded.',
  SPOOL_FAILED:
    'The spool or the request budget cannot be written: free space, or set `--spool-dir` or `--state-dir` to another directory.',
  ENGINE_FAILED: 'The embedded DuckDB failed outside of a load. Please report it.',
  TOO_MANY_REJECTS:
    'More lines are no events than `--max-rejects` allows. The message has the first reasons. What was committed before stays.',
  COUNT_MISMATCH: 'The number of rows stored is not that of the rows read. Nothing was committed. Please report it.',
  RECORD_INVALID:
    'A record to send is not as it must be: an option that is unknown, or a wrong value. The message names it. Nothing was sent.',
  ALREADY_STARTED: 'A client of this name is running already, or another process is using its spool directory.',
  UNDELIVERED:
    'The time to deliver was over before Mixpanel had taken all records. The message says how many; with a spool, they are sent at the next start.',
  DESTINATION_BUSY: 'Another run has the destination. The message says which.',
  DESTINATION_FAILED: 'The destination failed; the cause is in the message. Nothing of the slice was committed.',
  DESTINATION_UNAVAILABLE:
    'The destination could not be reached, or was busy with something else, each time for half an hour. Nothing of the slice was committed; run again.',
  COMMIT_IN_DOUBT:
    'The connection broke while committing. The ledger is asked whether the load is there as soon as it can be reached; seen as an error, it could not be for half an hour. Run again: the ledger decides.',
  ALREADY_LOADED: 'The ledger has a load of this id already. Nothing was committed. Please report it.',
  CLOSED: 'The destination was used after it had been closed. Please report it.',
  INTERRUPTED: 'Stopped by ^C or SIGTERM. What is committed stays; run again to go on.',
}

/** `docs/errors.md`: exit codes, and what each error code means. */
export function errorsPage(): string {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[]
  const rows = codes.map((name) => [code(name), String(ERROR_CODES[name].exitCode), retriesOf(name), ERRORS[name]])
  const { firstDelayMs, delayMaxMs } = DEFAULT_RETRIES
  return page(
    '# Exit codes and errors',
    table(
      ['Exit code', 'Meaning'],
      [
        ['0', 'Done.'],
        [
          '1',
          'Failed, if only one stream of several. What was committed before stays; nothing is there by half. `mixload check` also ends so when a line says NO.',
        ],
        ['2', 'Wrong usage, settings or credentials. Running again without a change will not help.'],
        [
          '3',
          'Done, but not all of it: slices or lines were set aside, or the stream was skipped because the plan or the permissions do not have it. Standard output says which.',
        ],
        ['4', '`mixload verify` found counts that differ.'],
        ['130', 'Stopped by ^C or SIGTERM. A second ^C ends the process at once, and is safe too.'],
      ],
    ),
    `Results go to standard output. All else goes to standard error: a progress display on a terminal, otherwise one line of
JSON an event, in which an error has \`"kind":"failed"\` and its \`code\`. Act on the code; messages may change.`,
    '## Codes',
    `_Tries again_ is how often one request to the export is sent again after such a failure, each code counted on its own.
The wait is ${firstDelayMs / 1000} s, doubled each time up to ${delayMaxMs / 1000} s and at most a tenth longer; where
Mixpanel sends \`Retry-After\`, it is that instead.`,
    table(['Code', 'Exit code', 'Tries again', 'Meaning and what to do'], rows),
    `The exit code is that of an error that ends a run. A slice that is set aside (${ANSWER_FAILURES.map(code).join(', ')}) does
not end it: the other slices are loaded, and the exit code is 3. So it is with a file that \`mixload load\` sets aside.`,
  )
}

function retriesOf(name: ErrorCode): string {
  const tries = DEFAULT_RETRIES.retries[name] ?? DESTINATION_RETRIES.retries[name]
  if (ANSWER_FAILURES.some((one) => one === name)) return `${tries ?? 'once'}, then for less`
  return String(tries ?? 'no')
}
