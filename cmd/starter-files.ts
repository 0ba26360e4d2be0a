import { stringify } from 'yaml'
import { MixloadError } from '../lib/core/errors.ts'
import { printableLine } from '../lib/core/printable.ts'
import { SETTINGS, type SettingName, type Settings, settingsFrom } from '../lib/settings.ts'
import { HAS_PASSWORD, type Variables } from './settings-file.ts'

/** The variable of `.env` that has the secret. */
export const SECRET_VARIABLE = 'MIXPANEL_SERVICE_ACCOUNT_SECRET'
const DESTINATION_VARIABLE = 'MIXLOAD_DESTINATION'

/** A setting of the file: its value, or the variable of `.env` that has it. */
export type StarterSetting = readonly [name: SettingName, value: unknown, variable?: string | undefined]

/**
 * What the files of these settings have. A destination with a password is a secret, too. `kept`:
 * settings that are written if they are not the default.
 */
export function starterSettings(settings: Settings, kept: readonly SettingName[]) {
  const { destination, projectId, region, serviceAccount, serviceAccountSecret } = settings
  const defaults = settingsFrom({})
  const isSecret = HAS_PASSWORD.test(destination)
  const changed = kept.filter((name) => JSON.stringify(settings[name]) !== JSON.stringify(defaults[name]))
  const starter: readonly StarterSetting[] = [
    ['projectId', projectId],
    ['region', region],
    ['serviceAccount', serviceAccount],
    ['serviceAccountSecret', undefined, SECRET_VARIABLE],
    ['destination', destination, isSecret ? DESTINATION_VARIABLE : undefined],
    ...changed.map((name): StarterSetting => [name, settings[name]]),
  ]
  const variables: Variables = {
    [SECRET_VARIABLE]: serviceAccountSecret,
    ...(isSecret ? { [DESTINATION_VARIABLE]: destination } : {}),
  }
  return { starter, variables }
}

/** The text of a settings file with these settings, each with its meaning. `project`: in words. */
export function settingsFileText(file: string, project: string, settings: readonly StarterSetting[]): string {
  const parts = settings.map(([name, value, variable]) => {
    const written = variable === undefined ? withoutVariables(value) : `$\{${variable}}`
    return `# ${SETTINGS[name].describe}\n${stringify({ [name]: written }, { lineWidth: 0 })}`
  })
  const heading = [
    `Settings of mixload for ${project}, written by \`mixload init\`.`,
    'Every setting can be here: see docs/settings.md. Secrets are in .env beside this file.',
    `Name the file in each command, such as: mixload sync --config ${file}`,
  ]
  return [heading.map((line) => `# ${printableLine(line)}\n`).join(''), ...parts].join('\n')
}

/** `$${` stands for a `${` that is not a variable. */
function withoutVariables(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${')
  return Array.isArray(value) ? value.map(withoutVariables) : value
}

/**
 * The text of a `.env` with these variables. Of the text before, all other lines stay.
 * @throws MixloadError CONFIG_INVALID if a value cannot be written.
 */
export function variablesFileText(before: string, variables: Variables): string {
  const names = Object.keys(variables)
  const kept = before.split('\n').filter((line) => {
    const [, name = ''] = /^\s*(?:export\s+)?(\w+)\s*=/.exec(line) ?? []
    return !names.includes(name)
  })
  while (kept.at(-1)?.trim() === '') kept.pop()
  const lines = names.map((name) => `${name}=${quoted(name, variables[name] ?? '')}`)
  return [...kept, ...lines, ''].join('\n')
}

/** Within single quotes or backticks everything stands for itself. */
function quoted(name: string, value: string): string {
  if (/^[\w.+/=@:%-]+$/.test(value)) return value
  const quote = ["'", '`'].find((mark) => !value.includes(mark))
  if (quote !== undefined && !/[\r\n]/.test(value)) return `${quote}${value}${quote}`
  throw new MixloadError('CONFIG_INVALID', `${name} cannot be written to .env: it has a line break, or ' and \`.`)
}
