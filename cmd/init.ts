import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isFailure, MixloadError, messageOf } from '../lib/core/errors.ts'
import { replaceFile } from '../lib/core/replace-file.ts'
import { destinationFinding, type Finding } from '../lib/run/check.ts'
import { toBackfill } from '../lib/run/choose-days.ts'
import { chosenProject, type ProjectInfo } from '../lib/run/project.ts'
import { type FlagName, type Settings, settingsFrom } from '../lib/settings.ts'
import { type FoundProjects, findProjects } from '../lib/setup/find-projects.ts'
import { type PeriodPlan, planPeriods } from '../lib/setup/period-plans.ts'
import { isZone } from '../lib/time/days.ts'
import { parseFirstDay } from '../lib/time/given-day.ts'
import { type Command, type CommandContext, textFlag } from './command.ts'
import { amountOf, counted } from './counted.ts'
import { runLoadCommand } from './load-command.ts'
import { WAREHOUSE_SETTINGS } from './load-settings.ts'
import { Questions } from './questions.ts'
import { sessionOf } from './session.ts'
import { DEFAULT_FILE } from './settings-file.ts'
import { SECRET_VARIABLE, settingsFileText, starterSettings, variablesFileText } from './starter-files.ts'
import { canAsk } from './terminal.ts'

/** What is kept in the settings file, if it is not the default. */
const KEPT = [
  ...(['apiUrl', 'streams', 'timezone', 'legacyTime'] as const),
  ...(['requestsPerHour', 'requestsPerSecond', 'queryRequestsPerHour', 'stateDir'] as const),
  ...WAREHOUSE_SETTINGS.filter((name) => name !== 'destination'),
] as const satisfies readonly FlagName[]

/** `mixload init`: asks, or takes flags, and writes mixload.yaml and .env. */
export const command: Command = {
  settings: ['destination', 'from', 'region', 'projectId', ...KEPT],
  writesSettings: true,
  options: {
    'service-account': textFlag('User name of a service account', { defaultDescription: 'MIXPANEL_SERVICE_ACCOUNT' }),
    force: { type: 'boolean', default: false, describe: 'Replace a settings file that exists' },
  },
  async run(context) {
    const { flags, output, signal } = context
    const questions = canAsk() && flags.json !== true ? new Questions(signal) : undefined
    const file = String(flags.config ?? DEFAULT_FILE)
    await assertReplaceable(file, flags.force === true, questions)
    const { settings: withProject, project } = await withAccount(context, questions)
    const withDestination = await withTestedDestination({ ...context, settings: withProject }, questions)
    const { settings, from } = await withPeriod({ ...context, settings: withDestination }, project, questions)
    signal.throwIfAborted()
    const written = await writeFiles(file, settings, project)
    output.print(`wrote ${written.join(' and ')}, which has the secret and is only for you`)
    output.json({ files: written, project_id: settings.projectId, region: settings.region, from })
    const given = `--config ${/^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`}`
    output.print(
      `Check it:      mixload check ${given}`,
      `Load it:       mixload backfill ${given} --from ${from}`,
      `Every night:   mixload sync ${given}`,
    )
    if (questions !== undefined && (await questions.confirm('Load it now?', true))) {
      return runLoadCommand({ ...context, settings }, toBackfill(settings))
    }
    return 0
  },
}

async function assertReplaceable(file: string, isForced: boolean, questions: Questions | undefined): Promise<void> {
  if (!existsSync(dirname(file))) {
    throw new MixloadError('CONFIG_INVALID', `--config ${file}: there is no directory ${dirname(file)}.`)
  }
  if (isForced || !existsSync(file)) return
  if (await questions?.confirm(`${file} exists. Replace it?`, false)) return
  const message = `${file} exists and stays as it is. To replace it, add --force; for another file, --config FILE.`
  throw new MixloadError('CONFIG_INVALID', message)
}

/** The settings of a context with other ones. */
function changed({ settings }: Pick<CommandContext, 'settings'>, more: Partial<Settings>): Settings {
  return { ...settings, ...more }
}

async function withAccount(
  context: CommandContext,
  questions: Questions | undefined,
): Promise<{ settings: Settings; project: ProjectInfo }> {
  const { flags, settings } = context
  let user = (flags['service-account'] as string | undefined) ?? settings.serviceAccount
  let secret = settings.serviceAccountSecret
  for (;;) {
    user ??= await questions?.text('User name of the service account (Mixpanel: Project settings, Service accounts)')
    secret ??= await questions?.secret('Its secret')
    if (user === undefined || secret === undefined) {
      const missing = user === undefined ? '--service-account or MIXPANEL_SERVICE_ACCOUNT' : SECRET_VARIABLE
      throw new MixloadError('CONFIG_INVALID', `Without a terminal, mixload cannot ask: set ${missing}.`)
    }
    try {
      const found = await findProjects(sessionOf(context), user, secret)
      const seen = [...found.projects].map(([id, { name }]) => `${name ?? 'project'} (${id})`).join(', ')
      const place = settings.apiUrl === undefined ? `the region ${found.region}` : 'the server of apiUrl'
      questions?.succeeded(`Accepted by ${place}. It sees: ${seen}`)
      const projectId = await projectOf(found, settings.projectId, seen, questions)
      const project = chosenProject(found.projects, projectId)
      const account = { serviceAccount: user, serviceAccountSecret: secret }
      return { settings: changed(context, { ...account, projectId, region: found.region }), project }
    } catch (error) {
      if (questions === undefined || !isFailure(error, 'CREDENTIALS_REFUSED')) throw error
      questions.failed(messageOf(error))
      user = await questions.text('User name of the service account', user)
      secret = undefined
    }
  }
}

async function projectOf(
  { projects }: FoundProjects,
  given: string | undefined,
  seen: string,
  questions: Questions | undefined,
): Promise<string> {
  const [only] = projects.keys()
  if (given !== undefined) return given
  if (projects.size === 1 && only !== undefined) return only
  const choices = [...projects].map(([id, { name, timezone }]) => ({
    value: id,
    label: `${name ?? 'project'} (${id})`,
    hint: timezone,
  }))
  if (questions !== undefined) return questions.choose('Project', choices)
  throw new MixloadError('CONFIG_INVALID', `The service account sees ${seen}. Name one with --project-id.`)
}

async function withTestedDestination(context: CommandContext, questions: Questions | undefined): Promise<Settings> {
  const { flags, output } = context
  let { destination } = context.settings
  let isGiven = flags.destination !== undefined
  for (;;) {
    if (questions !== undefined && !isGiven) {
      const forms = 'duckdb:PATH, postgres://USER@HOST/DATABASE, bigquery://PROJECT/DATASET or parquet:DIRECTORY'
      destination = await questions.text(`Where to load: ${forms}`, destination)
    }
    const settings = changed(context, { destination })
    const { ok, detail } = await testDestination({ ...context, settings })
    if (ok) {
      if (questions === undefined) output.print(`destination: ${detail}`)
      questions?.succeeded(detail)
      return settings
    }
    if (questions === undefined) throw new MixloadError('DESTINATION_FAILED', detail)
    questions.failed(detail)
    isGiven = await questions.confirm('Try the same destination again?', true)
  }
}

/** Whether it can be written. An http:// URL of another machine is refused, as in every command. */
async function testDestination(context: CommandContext): Promise<Pick<Finding, 'ok' | 'detail'>> {
  const { destination, allowHttp } = context.settings
  try {
    settingsFrom({ destination, allowHttp })
    return await destinationFinding(sessionOf(context))
  } catch (error) {
    if (!(error instanceof MixloadError)) throw error
    return { ok: false, detail: error.message }
  }
}

async function withPeriod(
  context: CommandContext,
  { timezone }: ProjectInfo,
  questions: Questions | undefined,
): Promise<{ settings: Settings; from: string }> {
  const { flags, settings, output } = context
  if (flags.from !== undefined) return { settings, from: String(flags.from) }
  const zone = settings.timezone ?? (timezone !== undefined && isZone(timezone) ? timezone : 'UTC')
  const plans = await planPeriods(sessionOf(context), zone)
  const [first] = plans
  if (questions === undefined) {
    output.print(...plans.map((plan) => `${plan.name}, from ${plan.from}: ${costOf(plan)}`))
    return { settings, from: first?.from ?? '30d' }
  }
  const ownDay = { value: '', label: 'another day' }
  const choices = plans.map((plan) => ({
    value: plan.from,
    label: `${plan.name}, from ${plan.from}: ${costOf(plan)}`,
  }))
  let from: string = await questions.choose('How much history', [...choices, ownDay])
  while (parseFirstDay(from) === undefined) from = await questions.text('First day: 2026-08-31, 2026-08, 2026 or 30d')
  return { settings: changed(context, { from: parseFirstDay(from) }), from }
}

function costOf({ requests, minutesWaiting, events, bytes }: PeriodPlan): string {
  const hours = minutesWaiting / 60
  const wait = minutesWaiting < 60 ? counted(minutesWaiting, 'minute') : counted(Number(hours.toFixed(1)), 'hour')
  return [
    ...(events === undefined ? [] : [`${events.toLocaleString('en')} events`]),
    ...(bytes === undefined ? [] : [`about ${amountOf(bytes)}`]),
    counted(requests, 'request'),
    minutesWaiting === 0 ? 'no wait for the request limit' : `about ${wait} of waiting for the request limit`,
  ].join(', ')
}

/** Writes both files, the one with the secret first, and returns their paths. */
async function writeFiles(file: string, settings: Settings, project: ProjectInfo): Promise<readonly string[]> {
  const variablesFile = join(dirname(file), '.env')
  const before = existsSync(variablesFile) ? await readFile(variablesFile, 'utf8') : ''
  const { starter, variables } = starterSettings(settings, KEPT)
  const described = `${project.name ?? 'project'} (${settings.projectId})`
  const [text, variablesText] = [settingsFileText(file, described, starter), variablesFileText(before, variables)]
  await replaceFile(variablesFile, variablesText, { mode: 0o600 })
  await replaceFile(file, text)
  return [file, variablesFile]
}
