import { command as alias } from '../../cmd/alias.ts'
import { command as backfill } from '../../cmd/backfill.ts'
import { command as check } from '../../cmd/check.ts'
import type { Command } from '../../cmd/command.ts'
import { command as dbt } from '../../cmd/dbt.ts'
import { command as engage } from '../../cmd/engage.ts'
import { command as imports } from '../../cmd/import.ts'
import { command as load } from '../../cmd/load.ts'
import { command as plan } from '../../cmd/plan.ts'
import { command as simulate } from '../../cmd/simulate.ts'
import { command as status } from '../../cmd/status.ts'
import { command as sync } from '../../cmd/sync.ts'
import { command as track } from '../../cmd/track.ts'
import { command as verify } from '../../cmd/verify.ts'
import { command as views } from '../../cmd/views.ts'
import { COLUMN_TYPES } from '../../lib/columns/column.ts'
import { type FlagName, flagOf, SETTINGS, type SettingName } from '../../lib/settings.ts'

import { code, fence, page, table } from './markdown.ts'

const COMMANDS: Readonly<Record<string, Command>> = {
  ...{ backfill, sync, plan, check, verify },
  ...{ load, status, views, dbt },
  ...{ track, engage, alias, import: imports },
  simulate,
}
/** Names for commands that take the same settings. */
const GROUPS = {
  loading: ['backfill', 'sync', 'plan', 'check', 'verify'],
  sending: ['track', 'engage', 'alias', 'import'],
} as const
/** Who takes the settings that are no flags. */
const WITHOUT_FLAG: Readonly<Record<Exclude<SettingName, FlagName>, readonly string[]>> = {
  serviceAccount: [...GROUPS.loading, 'import'],
  serviceAccountSecret: [...GROUPS.loading, 'import'],
  apiSecret: [...GROUPS.loading, 'import'],
  token: GROUPS.sending,
  columns: [...GROUPS.loading, 'load'],
  groups: [...GROUPS.loading, 'views', 'dbt'],
}

/** `docs/settings.md`: every setting, and the options of each command. */
export function settingsPage(): string {
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
    `_Loading_ stands for ${GROUPS.loading.map(code).join(', ')}, _sending_ for ${GROUPS.sending.map(code).join(', ')}; what
only looks at the work of others takes their settings. Every command also has ${code('--config')}, ${code('--json')} (results as one line of
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
    '## Options of `mixload backfill` and `mixload sync`',
    `See [streams](reliability.md#streams).`,
    ownOptions(sync),
    '## Options of `mixload load`',
    `The files to load are given as words: see [files.md](files.md).`,
    ownOptions(load),
    '## Options of `mixload verify`',
    `See [verify](verify.md).`,
    ownOptions(verify),
    '## Options of `mixload views`',
    `See [dbt](dbt.md#models-that-were-written-for-fivetrans-connector).`,
    ownOptions(views),
    '## Options of `mixload dbt`',
    `See [dbt](dbt.md).`,
    ownOptions(dbt),
    '## Options of `mixload track`',
    `What is sent is given as words: see [sending](ingestion.md), for this and the commands below.`,
    ownOptions(track),
    '## Options of `mixload engage`',
    ownOptions(engage),
    '## Options of `mixload alias`',
    ownOptions(alias),
    '## Options of `mixload import`',
    ownOptions(imports),
    '## Options of `mixload simulate`',
    `It does not look at the environment for these. See [simulator.md](simulator.md).`,
    ownOptions(simulate),
  )
}

/** The options that only one command has. */
function ownOptions({ options = {} }: Command): string {
  const rows = Object.entries(options).map(([name, { describe, default: value, defaultDescription }]) => [
    code(`--${name}`),
    defaultDescription ?? (value === undefined || Array.isArray(value) ? '' : String(value)),
    describe ?? '',
  ])
  return table(['Flag', 'Default', 'Meaning'], rows)
}

/** The commands that take a setting. */
function takersOf(name: SettingName): string {
  const isTaken = ({ settings }: Command) => settings.some((one) => one === name)
  const takers: readonly string[] = Object.hasOwn(WITHOUT_FLAG, name)
    ? WITHOUT_FLAG[name as keyof typeof WITHOUT_FLAG]
    : Object.keys(COMMANDS).filter((command) => isTaken(COMMANDS[command] as Command))
  const whole = Object.entries(GROUPS).filter(([, members]) => members.every((command) => takers.includes(command)))
  const named = new Set<string>(whole.flatMap(([, members]) => members))
  return [...whole.map(([group]) => group), ...takers.filter((command) => !named.has(command))].join(', ')
}
