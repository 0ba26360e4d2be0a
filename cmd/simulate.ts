import { once } from 'node:events'
import { MixloadError } from '../lib/core/errors.ts'
import { PLAN_FEATURES, type PlanRefusal, type PricingPlan, startSimulator } from '../lib/simulator/index.ts'
import type { Command } from './command.ts'

/** `mixload simulate`: a local Mixpanel over NDJSON files, until it is stopped. */
export const command: Command = {
  settings: ['timezone', 'legacyTime'],
  options: {
    data: files('NDJSON files of events, also gzipped'),
    profiles: files('NDJSON files of user profiles'),
    'group-profiles': files('NDJSON files of group profiles, each as DATA_GROUP_ID=FILE'),
    cohorts: files('NDJSON files of cohorts with their members'),
    annotations: files('NDJSON files of annotations'),
    funnels: files('NDJSON files of funnels with their days'),
    refuse: files('Streams that the plan does not have, each as STREAM=402, 403 or 404'),
    port: { type: 'number', describe: 'Port to listen on', default: 8600 },
    host: { type: 'string', describe: 'Address to listen on', default: '127.0.0.1' },
    'project-id': { type: 'string', describe: 'Project id that it answers to', default: '1000' },
    identity: {
      type: 'string',
      requiresArg: true,
      choices: ['original', 'simplified'],
      describe: 'How ids become one person: by identity events, or by $device_id and $user_id',
      default: 'original',
    },
    'requests-per-hour': {
      type: 'number',
      describe: 'Exports it allows an hour, and as many queries; 0 for no limit',
      default: 60,
    },
    'requests-per-second': {
      type: 'number',
      describe: 'Exports it allows a second; 0 for no limit',
      default: 3,
    },
  },
  async run({ settings, flags, output, signal }) {
    await using simulator = await startSimulator({
      data: flags.data as string[],
      profiles: flags.profiles as string[],
      groupProfiles: groupFiles(flags['group-profiles'] as string[]),
      cohorts: flags.cohorts as string[],
      annotations: flags.annotations as string[],
      funnels: flags.funnels as string[],
      plan: planOf(flags.refuse as string[]),
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
    output.print(`${events} events${profiles > 0 ? ` and ${profiles} profiles` : ''} at ${simulator.url}\n`)
    output.print(`export MIXPANEL_API_URL=${simulator.url}`)
    output.print(`export MIXPANEL_PROJECT_ID=${flags['project-id']}`)
    output.print(`export MIXPANEL_SERVICE_ACCOUNT=${SIMULATOR_ACCOUNT.user}`)
    output.print(`export MIXPANEL_SERVICE_ACCOUNT_SECRET=${SIMULATOR_ACCOUNT.secret}`)
    output.print(`export MIXPANEL_TOKEN=${SIMULATOR_TOKEN}`)
    if (!signal.aborted) await once(signal, 'abort')
    return 0
  },
}

/** No secrets: they open the simulator only. */
const SIMULATOR_TOKEN = 'simulator'
const SIMULATOR_ACCOUNT = { user: 'simulator.mp-service-account', secret: 'simulator' } as const

function files(describe: string) {
  return { type: 'array', string: true, describe, default: [] } as const
}

/** `ID=FILE` texts as the files of each id; ids may be negative, and files may have `=` in their names. */
function groupFiles(texts: readonly string[]): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  for (const text of texts) {
    const [, id, file] = /^(-?\d+)=(.+)$/.exec(text) ?? []
    if (id === undefined || file === undefined) throw badFlag('group-profiles', text, 'DATA_GROUP_ID=FILE')
    found[id] = [...(found[id] ?? []), file]
  }
  return found
}

const REFUSALS: Readonly<Record<string, PlanRefusal>> = { 402: 402, 403: 403, 404: 404 }

/** `STREAM=STATUS` texts as a plan. */
function planOf(texts: readonly string[]): PricingPlan {
  const entries = texts.map((text) => {
    const [name, status] = text.split('=')
    const part = PLAN_FEATURES.find((known) => known === name)
    const refusal = REFUSALS[status ?? '']
    if (part === undefined || refusal === undefined) {
      throw badFlag('refuse', text, `STREAM=STATUS with 402, 403 or 404 and one of ${PLAN_FEATURES.join(', ')}`)
    }
    return [part, refusal] as const
  })
  return Object.fromEntries(entries)
}

function badFlag(flag: string, text: string, form: string): MixloadError {
  return new MixloadError('CONFIG_INVALID', `--${flag} ${text}: write ${form}`)
}
