import { once } from 'node:events'
import { MixloadError } from '../lib/core/errors.ts'
import { PLAN_FEATURES, type PlanRefusal, type PricingPlan, startSimulator } from '../lib/simulator/index.ts'
import { type Command, textFlag } from './command.ts'
import { timezoneFlag } from './load-settings.ts'

/** `mixload simulate`: serves NDJSON files as a local Mixpanel, until it is stopped. */
export const command: Command = {
  settings: ['timezone', 'legacyTime'],
  options: {
    data: files('NDJSON files of events, plain or .gz'),
    profiles: files('NDJSON files of user profiles'),
    'group-profiles': files('NDJSON files of group profiles, as DATA_GROUP_ID=FILE'),
    cohorts: files('NDJSON files of cohorts and their members'),
    annotations: files('NDJSON files of annotations'),
    funnels: files('NDJSON files of funnels and their days'),
    refuse: files('Streams that the plan lacks, as STREAM=402, 403 or 404'),
    ...timezoneFlag('UTC'),
    port: numberFlag('Port to listen on', 8600),
    host: { type: 'string', describe: 'Address to listen on', default: '127.0.0.1' },
    'project-id': { type: 'string', describe: 'Project id', default: '1000' },
    identity: textFlag('How ids are merged: by identity events, or by $device_id and $user_id', {
      choices: ['original', 'simplified'],
      default: 'original',
    }),
    'requests-per-hour': numberFlag('Limit of exports per hour, and of queries per hour; 0 for no limit', 60),
    'requests-per-second': numberFlag('Limit of exports per second; 0 for no limit', 3),
  },
  async run({ settings, flags, output, signal }) {
    await using simulator = await startSimulator({
      data: flags.data as string[],
      profiles: flags.profiles as string[],
      groupProfiles: parseGroupFiles(flags['group-profiles'] as string[]),
      cohorts: flags.cohorts as string[],
      annotations: flags.annotations as string[],
      funnels: flags.funnels as string[],
      plan: parsePlan(flags.refuse as string[]),
      port: flags.port as number,
      host: flags.host as string,
      projectId: String(flags['project-id']),
      requestsPerHour: flags['requests-per-hour'] as number,
      requestsPerSecond: flags['requests-per-second'] as number,
      legacyTime: settings.legacyTime,
      serviceAccount: SIMULATOR_ACCOUNT,
      token: SIMULATOR_TOKEN,
      identity: flags.identity as 'original' | 'simplified',
      ...(settings.timezone === undefined ? {} : { timezone: settings.timezone }),
    })
    const events = simulator.eventCount()
    const profiles = simulator.profiles.size
    output.json({ url: simulator.url, events, profiles })
    output.print(`${events} events${profiles > 0 ? ` and ${profiles} profiles` : ''} at ${simulator.url}`, '')
    output.print(`export MIXPANEL_API_URL=${simulator.url}`)
    output.print(`export MIXPANEL_PROJECT_ID=${flags['project-id']}`)
    output.print(`export MIXPANEL_SERVICE_ACCOUNT=${SIMULATOR_ACCOUNT.user}`)
    output.print(`export MIXPANEL_SERVICE_ACCOUNT_SECRET=${SIMULATOR_ACCOUNT.secret}`)
    output.print(`export MIXPANEL_TOKEN=${SIMULATOR_TOKEN}`)
    if (!signal.aborted) await once(signal, 'abort')
    return 0
  },
}

/** Not secret: they are valid for the simulator only. */
const SIMULATOR_TOKEN = 'simulator'
const SIMULATOR_ACCOUNT = { user: 'simulator.mp-service-account', secret: 'simulator' } as const

function numberFlag(describe: string, value: number) {
  return { type: 'number', describe, default: value } as const
}

function files(describe: string) {
  return { type: 'array', string: true, describe, default: [] } as const
}

/** Parses `ID=FILE` texts. Ids may be negative, and names of files may contain `=`. */
function parseGroupFiles(texts: readonly string[]): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  for (const text of texts) {
    const [, id, file] = /^(-?\d+)=(.+)$/.exec(text) ?? []
    if (id === undefined || file === undefined) throw flagError('group-profiles', text, 'DATA_GROUP_ID=FILE')
    found[id] = [...(found[id] ?? []), file]
  }
  return found
}

const REFUSALS: Readonly<Record<string, PlanRefusal>> = { 402: 402, 403: 403, 404: 404 }

function parsePlan(texts: readonly string[]): PricingPlan {
  const entries = texts.map((text) => {
    const [name, status] = text.split('=')
    const feature = PLAN_FEATURES.find((known) => known === name)
    const refusal = REFUSALS[status ?? '']
    if (feature === undefined || refusal === undefined) {
      throw flagError('refuse', text, `STREAM=STATUS with 402, 403 or 404 and one of ${PLAN_FEATURES.join(', ')}`)
    }
    return [feature, refusal] as const
  })
  return Object.fromEntries(entries)
}

function flagError(flag: string, text: string, format: string): MixloadError {
  return new MixloadError('CONFIG_INVALID', `--${flag} ${text}: write ${format}`)
}
