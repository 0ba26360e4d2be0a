import type { Options } from 'yargs'
import { MixloadError } from '../lib/core/errors.ts'
import type { IngestClient } from '../lib/ingest/client.ts'
import { createClient } from '../lib/ingest/clients.ts'
import type { IngestEvent, Report } from '../lib/ingest/report.ts'
import type { ImportCredentials } from '../lib/ingest/sender.ts'
import type { FlagName, Settings } from '../lib/settings.ts'
import type { CommandContext } from './command.ts'
import type { Output } from './output.ts'

/** The settings of every command that sends. */
export const INGEST_SETTINGS: readonly FlagName[] = ['region', 'apiUrl']

export const SPOOL_OPTION = {
  spool: {
    type: 'string',
    requiresArg: true,
    describe: 'Directory that keeps records until Mixpanel has taken them; the next start sends what is left there',
  },
} as const satisfies Record<string, Options>

/** How long a command that sends a record waits for Mixpanel to take it. */
const CLOSE_TIMEOUT_MS = 60_000

/** @throws MixloadError CONFIG_INVALID where there is no token. */
function tokenOf({ token }: Settings): string {
  if (token !== undefined) return token
  throw new MixloadError(
    'CONFIG_INVALID',
    'No project token. Set MIXPANEL_TOKEN (Mixpanel: Settings, Project settings, Overview), or token in mixload.yaml.',
  )
}

/** Who imports: the token, so that a service account that reads one project does not write to it by mistake. */
function importCredentials(settings: Settings): ImportCredentials | undefined {
  const { token, serviceAccount: user, serviceAccountSecret: secret, projectId, apiSecret } = settings
  if (token !== undefined) return undefined
  if (user !== undefined && secret !== undefined && projectId !== undefined) {
    return { kind: 'service-account', user, secret, projectId }
  }
  return apiSecret === undefined ? undefined : { kind: 'project-secret', secret: apiSecret }
}

/** A client for a command. `isImport`: who has no token may import with other credentials. */
export function ingestClient(
  { settings, flags, output }: CommandContext,
  tell: (event: IngestEvent) => void = teller(output),
  isImport = false,
): IngestClient {
  const { region, apiUrl } = settings
  const credentials = isImport ? importCredentials(settings) : undefined
  const spool = typeof flags.spool === 'string' ? flags.spool : undefined
  return createClient({
    ...(credentials === undefined ? { token: tokenOf(settings) } : { credentials }),
    region,
    apiUrl,
    spool,
    tell,
    // One record need not wait for others, but those of a file that is read slowly should go together.
    lingerMs: isImport ? 1000 : 0,
    // Mixpanel's advice is 10 to 20 senders; these keep a slow connection full.
    requestsAtOnce: isImport ? 8 : 1,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    // The command ends in an orderly way by itself.
    closeOnSignals: false,
  })
}

/** Sends what `send` queues, reports, and gives the exit code: 3 where Mixpanel refused something. */
export async function sendAndReport(
  context: CommandContext,
  what: string,
  send: (client: IngestClient) => Promise<void>,
): Promise<number> {
  const { output, signal } = context
  const client = ingestClient(context)
  // The first ^C gives what is queued another second.
  const stop = () => void client.close({ timeoutMs: 1000 }).catch(() => {})
  signal.addEventListener('abort', stop)
  try {
    await send(client)
    const report = await client.close()
    output.json(jsonOf(report))
    output.print(`${what}: ${countsOf(report)}`)
    return report.rejected > 0 ? 3 : 0
  } finally {
    signal.removeEventListener('abort', stop)
    await client.close().catch(() => {})
  }
}

function jsonOf({ accepted, rejected, rejections }: Report) {
  return {
    accepted,
    rejected,
    rejections: rejections.map(({ endpoint, index, reason, field }) => ({ endpoint, index, reason, field })),
  }
}

/** What became of records, in words. */
export function countsOf({ accepted, rejected }: Pick<Report, 'accepted' | 'rejected'>): string {
  return `${accepted} taken${rejected === 0 ? '' : `, ${rejected} refused`}`
}

/** Tells of retries and refusals as of what happens in a run. */
function teller(output: Output): (event: IngestEvent) => void {
  return (event) => {
    if (event.kind === 'retry') output.tell({ kind: 'retry', error: event.error, delayMs: event.delayMs })
    else if (event.kind === 'rejected') {
      const { endpoint, reason } = event.rejection
      output.tell({ kind: 'warning', message: `Mixpanel refused a record of /${endpoint}: ${reason}` })
    }
  }
}
