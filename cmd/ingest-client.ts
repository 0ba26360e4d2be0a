import type { IngestClient } from '../lib/ingest/client.ts'
import { createClient } from '../lib/ingest/named-clients.ts'
import type { DeliveryNotice, DeliveryReport } from '../lib/ingest/report.ts'
import type { FlagName } from '../lib/settings.ts'
import { type CommandContext, textFlag } from './command.ts'
import { asksFirst, CONSENT_OPTIONS, isWanted } from './consent.ts'
import type { Output } from './output.ts'
import { type Recipient, recipientOf } from './recipient.ts'

/** The settings of all commands that send records. */
export const INGEST_SETTINGS: readonly FlagName[] = ['region', 'apiUrl', 'allowHttp']

/** The flags of the commands that send one record. */
export const SEND_OPTIONS = {
  spool: textFlag('Directory that keeps records until Mixpanel accepts them; the next start sends what is left'),
  ...CONSENT_OPTIONS,
}

/** How long a command waits for Mixpanel to accept its record. */
const CLOSE_TIMEOUT_MS = 60_000

/** How a command sends. */
export interface ClientOptions {
  readonly recipient: Recipient
  readonly onNotice: (notice: DeliveryNotice) => void
  /** Whether it sends many records; otherwise one. */
  readonly isImport: boolean
  /** Only checks. */
  readonly dryRun: boolean
}

/** Creates the client of a command. */
export function ingestClient(
  { settings, flags }: CommandContext,
  { recipient, onNotice, isImport, dryRun }: ClientOptions,
): IngestClient {
  const { region, apiUrl, allowHttp } = settings
  return createClient({
    ...recipient.access,
    region,
    apiUrl,
    allowHttp,
    spool: flags.spool as string | undefined,
    onNotice,
    dryRun,
    // A single record does not wait for others. Records of a slow file should share requests.
    lingerMs: isImport ? 1000 : 0,
    // Mixpanel advises 10 to 20 concurrent senders. Eight keep a slow connection busy.
    requestsAtOnce: isImport ? 8 : 1,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    // The command handles signals itself.
    closeOnSignals: false,
  })
}

/** A record to send. */
export interface RecordToSend {
  /** What it is, such as `1 event, "Signed up"`. */
  readonly what: string
  /** How the result is labelled. */
  readonly label: string
  readonly queue: (client: IngestClient) => Promise<void>
}

/** Checks a record, asks, sends it, prints the report, and returns the exit code. */
export async function sendAndReport(context: CommandContext, { what, label, queue }: RecordToSend): Promise<number> {
  const { output, settings, flags } = context
  const recipient = recipientOf(settings, false)
  const options = { recipient, onNotice: printNotices(output), isImport: false }
  const checked = await sendRecord(context, { ...options, dryRun: true }, queue)
  if (flags['dry-run'] === true) {
    output.json({ dry_run: true, to: recipient.name, records: checked.accepted, rejected: checked.rejected })
    output.print(`Would send ${what}, to ${recipient.name}. Nothing was sent.`)
    return 0
  }
  const all = `${what}${flags.spool === undefined ? '' : `, and what is left in ${flags.spool}`},`
  if (asksFirst(context)) {
    if (!(await isWanted(context, all, recipient))) return 1
  } else output.sendingStarted(`Sending ${all} to ${recipient.name}.`)
  const report = await sendRecord(context, { ...options, dryRun: false }, queue)
  const { accepted, rejected, rejections } = report
  const reasons = rejections.map(({ endpoint, index, reason, field }) => ({ endpoint, index, reason, field }))
  output.json({ accepted, rejected, rejections: reasons })
  output.print(`${label}: ${countsText(report)}`)
  return rejected > 0 ? 3 : 0
}

async function sendRecord(
  context: CommandContext,
  options: ClientOptions,
  queue: RecordToSend['queue'],
): Promise<DeliveryReport> {
  const { signal } = context
  const client = ingestClient(context, options)
  // After the first ^C, queued records have one more second.
  const stop = () => void client.close({ timeoutMs: 1000 }).catch(() => {})
  signal.addEventListener('abort', stop)
  try {
    await queue(client)
    return await client.close()
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
