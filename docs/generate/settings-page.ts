import { command as alias } from '../../cmd/alias.ts'
import { command as backfill } from '../../cmd/backfill.ts'
import { command as check } from '../../cmd/check.ts'
import type { Command } from '../../cmd/command.ts'
import { command as dbt } from '../../cmd/dbt.ts'
import { command as engage } from '../../cmd/engage.ts'
import { command as imports } from '../../cmd/import.ts'
import { command as init } from '../../cmd/init.ts'
import { command as load } from '../../cmd/load.ts'
import { command as plan } from '../../cmd/plan.ts'
import { command as report } from '../../cmd/report.ts'
import { command as simulate } from '../../cmd/simulate.ts'
import { command as status } from '../../cmd/status.ts'
import { command as sync } from '../../cmd/sync.ts'
import { command as tidy } from '../../cmd/tidy.ts'
import { command as track } from '../../cmd/track.ts'
import { command as verify } from '../../cmd/verify.ts'
import { command as views } from '../../cmd/views.ts'
import { COLUMN_TYPES } from '../../lib/columns/column.ts'
import { defaultOf, type FlagName, flagOf, SETTINGS, type SettingName, variableOf } from '../../lib/settings.ts'

import { code, fence, page, table } from './markdown.ts'

const COMMANDS: Readonly<Record<string, Command>> = {
  ...{ backfill, sync, plan, check, verify },
  ...{ load, status, report, views, tidy, dbt },
  ...{ track, engage, alias, import: imports },
  ...{ init, simulate },
}
/** Groups of commands that take the same settings. */
const GROUPS = {
  loading: ['backfill', 'sync', 'plan', 'check', 'verify'],
  sending: ['track', 'engage', 'alias', 'import'],
} as const
/** The commands that take the settings without a flag. */
const WITHOUT_FLAG: Readonly<Record<Exclude<SettingName, FlagName>, readonly string[]>> = {
  serviceAccount: [...GROUPS.loading, 'init', 'import'],
  serviceAccountSecret: [...GROUPS.loading, 'init', 'import'],
  apiSecret: [...GROUPS.loading, 'import'],
  token: GROUPS.sending,
  columns: [...GROUPS.loading, 'load'],
  groups: [...GROUPS.loading, 'views', 'tidy', 'dbt'],
}

/** A variable in a settings file. */
const variable = (content: string) => `$\{${content}}`

/** `docs/settings.md`: every setting, and the options of each command. */
export function settingsPage(): string {
  const names = Object.keys(SETTINGS) as SettingName[]
  const rows = names.map((name) => {
    const setting: { flag?: false; describe: string } = SETTINGS[name]
    const variable = variableOf(name)
    return [
      code(name),
      setting.flag === false ? '' : code(flagOf(name)),
      variable === undefined ? '' : code(variable),
      defaultOf(name) ?? '',
      setting.describe,
      takersOf(name),
    ]
  })
  return page(
    '# Settings',
    `A setting can come from a flag, an environment variable or a YAML file. A flag wins over the environment, the
environment over the file, and the file over the default. An empty variable counts as not set.`,
    `The file is \`mixload.yaml\` in the working directory, or the file that \`--config FILE\` names. Its keys are the names
in the first column. If a key is not a setting, or a value is not allowed, the command fails with exit code 2. The message
names the key, the value and what is allowed.`,
    `A \`mixload.yaml\` that is only found cannot decide where data and secrets go, because anybody may have put it there. A
\`destination\`, \`apiUrl\` or \`bigqueryEndpoint\` on another machine, \`npm-package:\` and \`allowHttp\` need \`--config\`, a
flag or the environment: see [decision 0019](decisions/0019-what-a-found-file-may-set.md). Every command says which file it
has read. \`http://\` to another machine needs \`allowHttp\` in any case.`,
    '## Variables and `.env`',
    `A value in the file may contain variables: ${code(variable('NAME'))} is the value of the environment variable ${code('NAME')}, and
${code(variable('NAME:-default'))} is ${code('default')} if it is not set or empty. A variable without a value and without a default is an error
that names the line. ${code('$${')} stands for ${code('${')} itself. A value is inserted as text after the file was parsed, so it
cannot add settings, and messages do not show it.`,
    `A file ${code('.env')} beside the settings file, with lines such as ${code('MIXPANEL_API_SECRET=…')}, adds variables. It is read only if there is
a settings file. The environment wins over ${code('.env')}, and ${code('.env')} over the settings file. mixload warns if others may read it.`,
    fence(
      'yaml',
      `destination: postgres://loader@${variable('DB_HOST:-localhost')}/analytics
serviceAccountSecret: ${variable('EXPORTER_SECRET')}`,
    ),
    `With ${code('--config')}, variables in ${code('.env')} that are not settings, such as ${code('PGPASSWORD')}, are also there for the destination.
A settings file that is only found may use variables of its ${code('.env')}, but not of the environment, and its ${code('.env')} may set only
what the file itself may set.`,
    '## Secrets',
    `Secrets have no flag, so that they appear neither in the shell history nor in the list of processes. mixload warns
about a file that contains a secret and that others may read.`,
    '## All settings',
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
    `In the column _Commands_, _loading_ means ${GROUPS.loading.map(code).join(', ')}, and _sending_ means
${GROUPS.sending.map(code).join(', ')}. Commands that only show what others would do take the same settings. Every
command also has ${code('--config')}, ${code('--project')}, ${code('--json')} (results as one line of JSON on standard output) and ${code('--help')}.`,
    '## Notes',
    `- **Lists** have commas between their items in a flag or a variable. In the file, they may be YAML lists. An event name
  that contains a comma can only be given in the file.
- ${code('columns')} gives properties a type before their first value is seen. Types: ${COLUMN_TYPES.map(code).join(', ')}.
  It does not change a column that exists. Keep it in the settings: without it, a column of dates or timestamps takes only
  [its own form](columns.md#inferred-types).
- ${code('inferTypes')} does not change a column that exists either, and neither the catalogue nor ${code('columns')} leaves it
  anything to infer: see [inferred types](columns.md#inferred-types).
- ${code('includeProperties')} and ${code('excludeProperties')} do not affect the [fixed columns](columns.md#fixed-columns).
- Their patterns must match the whole name of a property. Upper and lower case differ: ${code('*email*')} does not match ${code('Email')}.
  They do not reach into lists and objects.
- What they leave out is left out everywhere: in tables, in [rejected lines](tables.md#_mixload_rejects) and in messages. Of a line
  that is not a JSON object only the reason is kept, because its properties cannot be found.
- ${code('newProperties: ignore')} drops the values of properties that have no column. The number is reported at the end of
  the run, but the values are in no table.
- ${code('write: replace')} deletes the rows of each day that is read again, for all events. So it cannot be combined with
  ${code('events')}.
- ${code('streams')} are loaded in the order of the list in the table, however you name them. ${code('groups')} stands for one
  stream and table per group key in the setting of that name. Without that setting there is none.
- ${code('lateArrivals')} applies to events only: see [late arrivals](time.md#late-arrivals).
- ${code('load')} ignores ${code('events')} and ${code('write')}: a file is loaded completely, and its rows are added.
- ${code('status')} sends no request to Mixpanel. Without ${code('timezone')} it takes the time zone of the last load, or
  UTC if an earlier version loaded it.
- ${code('timezone')}: if it is not set and Mixpanel does not return it, the run continues in UTC and warns. With
  ${code('legacyTime')} it fails instead: see [time](time.md#the-time-zone).
- ${code('memory:')} as the destination keeps nothing. It is for tests.
- The request budget and the limit of Mixpanel's list of event names: see [reliability](reliability.md#request-budget).
- ${code('HTTP_PROXY')}, ${code('HTTPS_PROXY')} and ${code('NO_PROXY')} are respected.`,
    '## Several projects',
    `A schema holds one project. To copy several, give each a name under ${code('projects')}, with the settings that are its own.
Everything else in the file holds for all of them, and a project's schema is its name unless you set another one.`,
    fence(
      'yaml',
      `destination: duckdb:/data/warehouse.duckdb
serviceAccount: exporter.abc123.mp-service-account
projects:
  shop:
    projectId: 1234567
    region: eu
  app:
    projectId: 7654321
    timezone: US/Pacific`,
    ),
    `Each command then runs for one project after the other and prints one summary. A project that fails does not stop the
others; the exit code is the worst of all. ${code('--project shop')} runs it for that project only. Commands that are about one
project (${code('load')}, ${code('dbt')} and everything that sends) need it. Neither a flag nor the environment may set
${code('projectId')} or ${code('schema')} then.`,
    '## Options of `mixload init`',
    `It writes the file that ${code('--config')} names, else ${code('mixload.yaml')}, and the secret to ${code('.env')} beside it, which only you can
read. On a terminal it asks for what no flag says. Elsewhere the secret comes from ${code('MIXPANEL_SERVICE_ACCOUNT_SECRET')}. It
tries all regions, tests the destination as ${code('check')} does, and asks Mixpanel with three requests how many events there are, and how
long the newest ones are.`,
    ownOptions(init),
    '## Options of `mixload backfill` and `mixload sync`',
    `See [streams](reliability.md#streams).`,
    ownOptions(sync),
    '## Options of `mixload load`',
    `The files to load are arguments: see [files](files.md).`,
    ownOptions(load),
    '## Options of `mixload verify`',
    `See [verify](verify.md).`,
    ownOptions(verify),
    '## Options of `mixload report`',
    `The report is an argument: see [reports](reports.md).`,
    ownOptions(report),
    '## Options of `mixload views`',
    `See [dbt](dbt.md#models-that-were-written-for-fivetrans-connector).`,
    ownOptions(views),
    '## Options of `mixload tidy`',
    `See [tidying](tidy.md).`,
    ownOptions(tidy),
    '## Options of `mixload dbt`',
    `See [dbt](dbt.md).`,
    ownOptions(dbt),
    '## Options of `mixload track`',
    `What is sent is given as arguments, here and in the commands below: see [sending](ingestion.md).`,
    ownOptions(track),
    '## Options of `mixload engage`',
    ownOptions(engage),
    '## Options of `mixload alias`',
    ownOptions(alias),
    '## Options of `mixload import`',
    ownOptions(imports),
    '## Options of `mixload simulate`',
    `These do not come from the environment. See [simulator](simulator.md).`,
    ownOptions(simulate),
  )
}

/** A table of the options that only this command has. */
function ownOptions({ options = {} }: Command): string {
  const rows = Object.entries(options).map(([name, { describe, default: value, defaultDescription }]) => [
    code(`--${name}`),
    defaultDescription ?? (value === undefined || Array.isArray(value) ? '' : String(value)),
    describe ?? '',
  ])
  return table(['Flag', 'Default', 'Meaning'], rows)
}

/** The commands that take a setting, with groups by their names. */
function takersOf(name: SettingName): string {
  const isTaken = ({ settings }: Command) => settings.some((setting) => setting === name)
  const takers: readonly string[] = Object.hasOwn(WITHOUT_FLAG, name)
    ? WITHOUT_FLAG[name as keyof typeof WITHOUT_FLAG]
    : Object.keys(COMMANDS).filter((command) => isTaken(COMMANDS[command] as Command))
  const whole = Object.entries(GROUPS).filter(([, members]) => members.every((command) => takers.includes(command)))
  const named = new Set<string>(whole.flatMap(([, members]) => members))
  return [...whole.map(([group]) => group), ...takers.filter((command) => !named.has(command))].join(', ')
}
