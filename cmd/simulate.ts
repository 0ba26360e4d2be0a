import { once } from 'node:events'
import { startSimulator } from '../lib/simulator/index.ts'
import type { Command } from './command.ts'

/** `mixload simulate`: a local Mixpanel over NDJSON files, until it is stopped. */
export const command: Command = {
  settings: ['timezone', 'legacyTime'],
  options: {
    data: { type: 'array', string: true, describe: 'NDJSON files of events, also gzipped', default: [] },
    port: { type: 'number', describe: 'Port to listen on', default: 8600 },
    host: { type: 'string', describe: 'Address to listen on', default: '127.0.0.1' },
    'project-id': { type: 'string', describe: 'Project id that it answers to', default: '1000' },
    'requests-per-hour': { type: 'number', describe: 'Export requests it allows an hour; 0 for no limit', default: 60 },
    'requests-per-second': {
      type: 'number',
      describe: 'Export requests it allows a second; 0 for no limit',
      default: 3,
    },
  },
  async run({ settings, flags, output, signal }) {
    await using simulator = await startSimulator({
      data: flags.data as string[],
      port: flags.port as number,
      host: flags.host as string,
      projectId: String(flags['project-id']),
      requestsPerHour: flags['requests-per-hour'] as number,
      requestsPerSecond: flags['requests-per-second'] as number,
      legacyTime: settings.legacyTime,
      serviceAccount: SIMULATOR_ACCOUNT,
      ...(settings.timezone === undefined ? {} : { timezone: settings.timezone }),
    })
    output.json({ url: simulator.url, events: simulator.eventCount() })
    output.print(`${simulator.eventCount()} events at ${simulator.url}\n`)
    output.print(`export MIXPANEL_API_URL=${simulator.url}`)
    output.print(`export MIXPANEL_PROJECT_ID=${flags['project-id']}`)
    output.print(`export MIXPANEL_SERVICE_ACCOUNT=${SIMULATOR_ACCOUNT.user}`)
    output.print(`export MIXPANEL_SERVICE_ACCOUNT_SECRET=${SIMULATOR_ACCOUNT.secret}`)
    if (!signal.aborted) await once(signal, 'abort')
    return 0
  },
}

/** No secret: it opens the simulator only. */
const SIMULATOR_ACCOUNT = { user: 'simulator.mp-service-account', secret: 'simulator' } as const
