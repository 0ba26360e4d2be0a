/**
 * `node docs/generate.ts`: writes the pages of docs/ that are tables of what the code knows. test/docs.test.ts fails while
 * a page is older than the code.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { command as backfill } from '../cmd/backfill.ts'
import { command as check } from '../cmd/check.ts'
import type { Command } from '../cmd/command.ts'
import { command as load } from '../cmd/load.ts'
import { command as plan } from '../cmd/plan.ts'
import { command as simulate } from '../cmd/simulate.ts'
import { command as status } from '../cmd/status.ts'
import { command as sync } from '../cmd/sync.ts'
import { command as views } from '../cmd/views.ts'
import {
  type CatalogueEntry,
  EVENT_PROPERTIES,
  EXPORT_COLUMNS,
  type FixedColumn,
  LOCAL_TIME_COLUMN,
} from '../lib/columns/catalogue.ts'
import { COLUMN_TYPES } from '../lib/columns/column.ts'
import { columnName, companionName, freeName, NAME_BYTES_MAX } from '../lib/columns/naming.ts'
import { PROFILE_PROPERTIES } from '../lib/columns/profile-catalogue.ts'
import { OVERFLOW_COLUMN } from '../lib/columns/registry.ts'
import { ENGINE_TYPES } from '../lib/engine-dialect.ts'
import { ERROR_CODES, type ErrorCode } from '../lib/errors.ts'
import { ANSWER_FAILURES } from '../lib/extract.ts'
import { DESTINATION_RETRIES } from '../lib/patient-destination.ts'
import { DEFAULT_RETRIES } from '../lib/retry.ts'
import { flagOf, SETTINGS, type SettingName } from '../lib/settings.ts'
import { ANNOTATIONS_STREAM } from '../lib/streams/annotations.ts'
import { COHORT_MEMBERS_STREAM } from '../lib/streams/cohort-members.ts'
import { COHORTS_STREAM } from '../lib/streams/cohorts.ts'
import { ENGAGE_STREAM } from '../lib/streams/engage.ts'
import { funnelsStream } from '../lib/streams/funnels.ts'
import { revenueStream } from '../lib/streams/revenue.ts'
import { withFaultTable } from './fault-table.ts'
import { table } from './markdown-table.ts'

const COMMANDS: Readonly<Record<string, Command>> = { backfill, sync, load, plan, check, status, views, simulate }
const LOADING = ['backfill', 'sync', 'plan', 'check']

const GENERATED = '<!-- Written by `node docs/generate.ts`. Change the code or that script, not this page. -->'

/** The generated pages, by the name of their file in docs/. */
export function generatedPages(): Readonly<Record<string, string>> {
  return {
    'settings.md': settingsPage(),
    'columns.md': columnsPage(),
    'errors.md': errorsPage(),
    'reliability.md': withFaultTable(readFileSync(new URL('reliability.md', import.meta.url), 'utf8')),
  }
}

function settingsPage(): string {
  const names = Object.keys(SETTINGS) as SettingName[]
  const rows = names.map((name) => {
    const setting: { environment?: string; flag?: false; default?: string; describe: string } = SETTINGS[name]
    return [
      code(name),
      setting.flag === false ? '' : code(flagOf(name)),
      setting.environment === undefined ? '' : code(setting.environment),
      setting.default ?? '',
      setting.describe,
      takersOf(name),
    ]
  })
  return page(
    '# Settings',
    `A setting comes from a flag, from an environment variable, or from a YAML file, in this order: a flag wins over the
environment, the environment over the file, the file over the default. A variable that is empty counts as not set.`,
    `The file is \`mixload.yaml\` in the working directory, or the one that \`--config FILE\` names. Its keys are the names in
the first column. A key that is not a setting, or a value that is not allowed, ends the command with exit code 2 and a
message that names the key, the value and what is allowed.`,
    `Secrets have no flag, so that they are in no shell history and in no list of processes. A file with a secret in it that
others may read brings a warning.`,
    fence(
      'yaml',
      `destination: duckdb:/data/warehouse.duckdb
region: eu
projectId: 1234567
serviceAccount: exporter.abc123.mp-service-account
excludeProperties: ["$initial_*", session_replay_id]
columns:
  zip: text
  signed_up: timestamptz`,
    ),
    table(['Setting', 'Flag', 'Environment', 'Default', 'Meaning', 'Commands'], rows),
    `_Loading_ stands for ${LOADING.map(code).join(', ')}; ${code('plan')} and ${code('check')} take the same settings as
the commands whose work they look at. Every command also has ${code('--config')}, ${code('--json')} (results as one line of
JSON on standard output) and ${code('--help')}.`,
    '## Notes',
    `- A list in a flag or a variable has commas between its items; in the file it may be a YAML list. An event name with a
  comma in it can only be given in the file.
- ${code('columns')} gives properties a type before their first value is seen. Types: ${COLUMN_TYPES.map(code).join(', ')}.
  It does not change a column that is there.
- ${code('includeProperties')} and ${code('excludeProperties')} do not touch the [fixed columns](columns.md#fixed-columns).
- ${code('write: replace')} deletes the rows of each day that is read again, of all events, so it is
  refused together with ${code('events')}.
- ${code('streams')} are loaded in the order of the list in the table, however they are named. ${code('groups')} stands for one
  stream and table for each group of the setting of that name; without it there is none.
- ${code('lateArrivals')} is about events: see [late arrivals](time.md#late-arrivals).
- ${code('newProperties: ignore')} drops the values of properties that have no column. How many is reported at the end of
  the run, but they are in no table.
- ${code('load')} heeds neither ${code('events')} nor ${code('write')}: a file is loaded whole, and added.
- ${code('status')} asks Mixpanel nothing: without ${code('timezone')} it tells the days of a project as if its zone were UTC.
- ${code('timezone')}: when it is not set and Mixpanel can't be asked, the run goes on in UTC and warns, but with
  ${code('legacyTime')} it ends: see [time.md](time.md).
- ${code('memory:')} as the destination keeps nothing: it is for tests.
- The request budget and the answers of the event-name list: see [reliability.md](reliability.md).
- ${code('HTTP_PROXY')}, ${code('HTTPS_PROXY')} and ${code('NO_PROXY')} are heeded.`,
    '## Options of `mixload backfill` and `mixload sync` alone',
    `See [streams](reliability.md#streams).`,
    ownOptions(sync),
    '## Options of `mixload load` alone',
    `The files to load are given as words: see [files.md](files.md).`,
    ownOptions(load),
    '## Options of `mixload simulate` alone',
    `It does not look at the environment for these. See [simulator.md](simulator.md).`,
    ownOptions(simulate),
  )
}

/** The options that only one command has. */
function ownOptions({ options = {} }: Command): string {
  const rows = Object.entries(options).map(([name, { describe, default: value }]) => [
    code(`--${name}`),
    Array.isArray(value) ? '' : String(value),
    describe ?? '',
  ])
  return table(['Flag', 'Default', 'Meaning'], rows)
}

/** The commands that take a setting; secrets go to all that ask Mixpanel. */
function takersOf(name: SettingName): string {
  const takers = Object.entries(COMMANDS).filter(([, { settings }]) => settings.includes(name))
  const names = takers.map(([command]) => command)
  if (names.length === 0) return 'loading'
  if (!LOADING.every((command) => names.includes(command))) return names.join(', ')
  return ['loading', ...names.filter((command) => !LOADING.includes(command))].join(', ')
}

const TYPE_MEANINGS: Readonly<Record<(typeof COLUMN_TYPES)[number], string>> = {
  text: 'texts; anything else as its JSON',
  double: 'numbers that a double gives back digit for digit, integers up to 2^53',
  boolean: '`true` and `false`',
  json: 'any JSON value; no digit of a number gets lost, though 1.10 may be written 1.1',
  timestamptz: 'dates and moments as Mixpanel writes them; without a zone they are UTC',
  bigint: 'integers of 64 bits',
  date: 'the UTC day of such a date or moment',
}

function columnsPage(): string {
  const typeRows = COLUMN_TYPES.map((type) => [code(type), code(ENGINE_TYPES[type]), TYPE_MEANINGS[type]])
  return page(
    '# Columns',
    `Every event is a row, every property a column; so it is with profiles, and with whatever else Mixpanel tells in objects. A table begins with the fixed columns; a property gets its column with
its first value that is not null, before the rows that use it are committed. The column's name and type are kept in
${code('_mixload_columns')}, so they are the same in every later run. **A column is never renamed, retyped or dropped.**`,
    '## Types',
    table(['Type', 'In DuckDB', 'Holds'], typeRows),
    `The type of a column is, in this order: what the setting ${code('columns')} says; what the
[catalogue](#known-properties) says; what the property's first value is:`,
    table(
      ['First value', 'Type'],
      [
        ['a text', code('text')],
        ['a number', code('double')],
        ['an integer beyond 2^53', `${code('text')}, so that no digit is lost`],
        ['`true` or `false`', code('boolean')],
        ['a list or an object', code('json')],
      ],
    ),
    `A text stays a text, also where it looks like a date or a number. \`null\` and a property that is not there are both
null.`,
    '## A value that does not fit',
    `goes as text to the companion of its column, ${code(companionName('price'))} beside ${code('price')}; the column itself is
null in that row. The companion is made when it is first needed. \`text\` and \`json\` columns take every value, so they
need one only for a text with NUL or half of a surrogate pair in it, which not every warehouse can carry: the column then
has U+FFFD in their place, and ${code(companionName('name'))} the JSON as it was sent.`,
    `${code(companionName('time'))} has a ${code('time')} that is no moment. The row is kept, and its ${code('time')} is null.`,
    `## Names`,
    `1. A leading ${code('$')} becomes ${code('mp_')}.
2. Letters become lower-case; each run of characters that are neither letters nor digits, of any script, becomes one
   ${code('_')}.
3. A name that would begin with a digit, or as BigQuery's own names do (${code('_table_')}, ${code('_partition')} and others), gets ${code('_')} before it.
4. A name has at most ${NAME_BYTES_MAX} bytes; a longer one is cut and ends in a hash of the whole.
5. A name that another property has already, whatever the case, gets ${code('_2')}, ${code('_3')} and so on.`,
    table(
      ['Property', 'Column'],
      [...examplesOfNames()].map(([property, column]) => [code(property), code(column)]),
    ),
    `Which of two properties gets the name and which the number depends on which came first. Look it up by the property:`,
    fence('sql', `SELECT column_name, column_type FROM mixpanel._mixload_columns WHERE property = 'Plan'`),
    '## Fixed columns',
    `Every ${code('export')} table has these, in this order, but for ${code(LOCAL_TIME_COLUMN.name)}, which is there only with
${code('--legacy-time')}. They do not count as new properties, and property selection leaves them alone.`,
    fixedColumns([...EXPORT_COLUMNS, LOCAL_TIME_COLUMN]),
    '## Fixed columns of the other tables',
    `Whatever else Mixpanel tells of them gets columns as properties of events do.
[Tables](tables.md) says what a row of each is. Tables of group profiles, ${code('group_NAME')}, are as ${code('engage')}.`,
    ...OTHER_TABLES.flatMap(({ name, columns }) => [`### ${code(name)}`, fixedColumns(columns)]),
    `## ${code(OVERFLOW_COLUMN)}`,
    `When a table has as many columns as ${code('maxColumns')} allows (all kinds counted), further properties go to one \`json\`
column, ${code(OVERFLOW_COLUMN)}, by their own names. They stay there: a later run with more columns allowed makes columns for them from then
on, but moves nothing. ${code(OVERFLOW_COLUMN)} also takes a value that is superseded because its key stands in the line
again, as ${code('NAME (superseded)')}: of equal keys the last one counts.`,
    '## Known properties',
    `These are given their type before a value is seen; a property of another name is treated in the same way, with the type
of its first value. A property in this list has a column only once it has been sent.`,
    knownProperties(EVENT_PROPERTIES),
    'Of profiles:',
    knownProperties(PROFILE_PROPERTIES),
  )
}

/** The tables of all streams but `export`. */
const OTHER_TABLES = [
  ENGAGE_STREAM,
  COHORTS_STREAM,
  COHORT_MEMBERS_STREAM,
  ANNOTATIONS_STREAM,
  funnelsStream(),
  revenueStream(),
].flatMap(({ tables }) => tables)

function fixedColumns(columns: readonly FixedColumn[]): string {
  return table(
    ['Column', 'Type', 'Property', 'Holds'],
    columns.map(({ name, type, property, description }) => [
      code(name),
      code(type),
      property === null ? '' : code(property),
      description,
    ]),
  )
}

function knownProperties(properties: Readonly<Record<string, CatalogueEntry>>): string {
  return table(
    ['Property', 'Column', 'Type', 'Holds'],
    Object.entries(properties).map(([property, { type, description }]) => [
      code(property),
      code(columnName(property)),
      type === undefined ? 'of its first value' : code(type),
      description,
    ]),
  )
}

/** Properties in the order of meeting, each with the column that it gets. */
function* examplesOfNames(): Generator<readonly [string, string]> {
  const taken = new Set<string>()
  for (const property of ['Plan', 'plan', '$city', 'Order  Total (€)', '2nd visit', 'größe', 'заказ', 'x'.repeat(70)]) {
    const column = freeName(columnName(property), taken)
    taken.add(column)
    yield [property, column]
  }
}

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

function errorsPage(): string {
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

function page(title: string, ...parts: readonly string[]): string {
  return `${[title, GENERATED, ...parts].join('\n\n')}\n`
}

function code(text: string): string {
  return `\`${text}\``
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(generatedPages())) writeFileSync(new URL(name, import.meta.url), text)
}
