import type { Options } from 'yargs'
import { MixloadError } from '../lib/core/errors.ts'
import type { CommandContext } from './command.ts'
import type { Recipient } from './recipient.ts'
import { askYesOrNo, canAsk } from './terminal.ts'

/** The flags of every command that sends. */
export const CONSENT_OPTIONS = {
  yes: { type: 'boolean', default: false, describe: 'Send without asking' },
  'dry-run': {
    type: 'boolean',
    default: false,
    describe: 'Check everything and show what would be sent, and where; send and create nothing',
  },
} as const satisfies Readonly<Record<string, Options>>

/**
 * Whether a command asks before it sends. `hasInput`: whether its records come from standard input,
 * where the answer would come from, too.
 */
export function asksFirst({ flags }: Pick<CommandContext, 'flags'>, hasInput = false): boolean {
  return flags.yes !== true && !hasInput && canAsk()
}

/**
 * Asks, and returns whether to send. `what`: what is sent, in words.
 * @throws the signal's reason.
 */
export async function isWanted(
  { output, signal }: CommandContext,
  what: string,
  { name }: Recipient,
): Promise<boolean> {
  if (await askYesOrNo(`Send ${what} to ${name}? What is sent cannot be unsent.`, signal)) return true
  signal.throwIfAborted()
  output.sendingStarted('Nothing was sent.')
  return false
}

/**
 * Where nobody is asked, credentials that are there for loading do not send without `--yes`.
 * @throws MixloadError CONFIG_INVALID saying so.
 */
export function assertMeant({ flags }: Pick<CommandContext, 'flags'>, { name, access }: Recipient): void {
  if (flags.yes === true || 'token' in access) return
  throw new MixloadError(
    'CONFIG_INVALID',
    `mixload import sends to Mixpanel: here to ${name}, with the credentials that load from it. What is sent cannot be unsent. ` +
      'If you mean it, add --yes, or set MIXPANEL_TOKEN. To load files into a warehouse, run mixload load.',
  )
}
