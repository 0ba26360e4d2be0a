import { createWarehouse } from '../destinations/index.ts'
import type { Session } from '../lib/run/session.ts'
import type { CommandContext } from './command.ts'

/** The session of a command. */
export function sessionOf({ settings, output, signal }: CommandContext): Session {
  return { settings, createWarehouse, onProgress: output.onProgress, signal }
}
