import type { Options } from 'yargs'
import type { FlagName, Settings } from '../lib/settings.ts'
import type { Output } from './output.ts'

/** What a command gets to work with. */
export interface CommandContext {
  readonly settings: Settings
  /** Flags of the command's own. */
  readonly flags: Readonly<Record<string, unknown>>
  /** The words after the command's name; none where it takes none. */
  readonly words: readonly string[]
  readonly output: Output
  /** Aborted by ^C. */
  readonly signal: AbortSignal
}

/** A command of the command line, as data. Its file is loaded only when it is named. */
export interface Command {
  /** The settings that it takes as flags. */
  readonly settings: readonly FlagName[]
  /** Flags of its own. */
  readonly options?: Readonly<Record<string, Options>>
  /**
   * Where it takes words after its name: how they are written, what they are, and, where there must
   * be one, what to say when there is none.
   */
  readonly words?: { readonly usage: string; readonly describe: string; readonly missing?: string }
  /** Does the work. Returns the exit code. */
  run(context: CommandContext): Promise<number>
}
