import { MixloadError } from '../lib/core/errors.ts'
import type { IngestClient } from '../lib/ingest/client.ts'
import type { ImportCredentials } from '../lib/ingest/client-options.ts'
import { createClient } from '../lib/ingest/named-clients.ts'
import type { DeliveryNotice, DeliveryReport } from '../lib/ingest/report.ts'
import type { FlagName, Settings } from '../lib/settings.ts'
import { type CommandContext, textFlag } from './command.ts'
import type { Output } from './output.ts'

/** The settings of all commands that send records. */
export const INGEST_SETTINGS: readonly FlagName[] = ['region', 'apiUrl', 'allowHttp']

/** `--spool DIRECTORY`. */
export const SPOOL_OPTION = {
  spool: textFlag('Directory that keeps records until Mixpanel accepts them; the next start sends what is left'),
}

/** How long a command waits for Mixpanel to accept its record. */
const CLOSE_TIMEOUT_MS = 60_000

/** @throws MixloadError CONFIG_INVALID if the token is missing. */
function tokenOf({ token }: Settings): string {
  if (token !== undefined) return token
  throw new MixloadError(
    'CONFIG_INVALID',
    'No project token. Set MIXPANEL_TOKEN (Mixpanel: Settings, Project settings, Overview), or token in mixload.yaml.',
  )
}

/** A token wins, so that a service account never writes to the project that it reads. */
function importCredentials(settings: Settings): ImportCredentials | undefined {
  const { token, serviceAccount: user, serviceAccountSecret: secret, projectId, apiSecret } = settings
  if (token !== undefined) return undefined
  if (user !== undefined && secret !== undefined && projectId !== undefined) {
    return { kind: 'service-account', user, secret, projectId }
  }
  return apiSecret === undefined ? undefined : { kind: 'project-secret', secret: apiSecret }
}

/** Creates the client of a command. `isImport`: without a token, other credentials may be used. */
export function ingestClient(
  { settings, flags, output }: CommandContext,
  onNotice: (notice: DeliveryNotice) => void = printNotices(output),
  isImport = false,
): IngestClient {
  const { region, apiUrl, allowHttp } = settings
  const credentials = isImport ? importCredentials(settings) : undefined
  const spool = typeof flags.spool === 'string' ? flags.spool : undefined
  return createClient({
    ...(credentials === undefined ? { token: tokenOf(settings) } : { credentials }),
    region,
    apiUrl,
    allowHttp,
    spool,
    onNotice,
    // A single record does not wait for others. Records of a slow file should share requests.
    lingerMs: isImport ? 1000 : 0,
    // Mixpanel advises 10 to 20 concurrent senders. Eight keep a slow connection busy.
    requestsAtOnce: isImport ? 8 : 1,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    // The command handles signals itself.
    closeOnSignals: false,
  })
}

/** Sends what `queueRecords` queues, prints the report, and returns the exit code. */
export async function sendAndReport(
  context: CommandContext,
  label: string,
  queueRecords: (client: IngestClient) => Promise<void>,
): Promise<number> {
  const { output, signal } = context
  const client = ingestClient(context)
  // After the first ^C, queued records have one more second.
  const stop = () => void client.close({ timeoutMs: 1000 }).catch(() => {})
  signal.addEventListener('abort', stop)
  try {
    await queueRecords(client)
    const report = await client.close()
    const { accepted, rejected, rejections } = report
    const reasons = rejections.map(({ endpoint, index, reason, field }) => ({ endpoint, index, reason, field }))
    output.json({ accepted, rejected, rejections: reasons })
    output.print(`${label}: ${countsText(report)}`)
    return rejected > 0 ? 3 : 0
  } finally {
    signal.removeEventListener('abort', stop)
    await client.close().catch(() => {})
  }
}

/** Returns the counts of a report in words. */
export function countsText({ accepted, rejected }: Pick<DeliveryReport, 'accepted' | 'rejected'>): string {
  return `${accepted} accepted${rejected === 0 ? '' : `, ${rejected} rejected`}`
}

/** Prints retries and rejections. Failures are thrown when the client is closed. */
function printNotices(output: Output): (notice: DeliveryNotice) => void {
  return (notice) => {
    if (notice.kind === 'retry') output.onProgress({ kind: 'retry', error: notice.error, delayMs: notice.delayMs })
    else if (notice.kind === 'rejected') {
      const { endpoint, reason } = notice.rejection
      output.onProgress({ kind: 'warning', message: `Mixpanel rejected a record of /${endpoint}: ${reason}` })
    }
  }
}
