import type { Options } from 'yargs'
import type { FlagName, Settings } from '../lib/settings.ts'
import type { Output } from './output.ts'

/** What a command gets to work with. */
export interface CommandContext {
  readonly settings: Settings
  /** The command's own flags, by their names. */
  readonly flags: Readonly<Record<string, unknown>>
  /** The words after the command's name. */
  readonly words: readonly string[]
  readonly output: Output
  /** Aborted by ^C. */
  readonly signal: AbortSignal
}

/** A flag with a text as its value. */
export function textFlag<const More extends Options>(describe: string, more?: More) {
  return { type: 'string', requiresArg: true, describe, ...more } as const
}

/** A command of the command line, as data. Its file is loaded only when it is named. */
export interface Command {
  /** The settings that it takes as flags, in any order. */
  readonly settings: readonly FlagName[]
  readonly options?: Readonly<Record<string, Options>>
  /** Whether it is about one project only, so that `--project` names it if there are several. */
  readonly oneProject?: true
  /** Whether it writes the settings file, so that none is read. */
  readonly writesSettings?: true
  /** The words after its name: their form, what they are, and what to say if one is missing. */
  readonly words?: { readonly usage: string; readonly describe: string; readonly missing?: string }
  /** Does the work. Returns the exit code. */
  run(context: CommandContext): Promise<number>
}
