import { createWarehouse } from '../destinations/index.ts'
import type { Session } from '../lib/run/session.ts'
import type { CommandContext } from './command.ts'

/** What the functions of the product work with, as the command line sets it. */
export function sessionOf({ settings, output, signal }: CommandContext): Session {
  return { settings, createWarehouse, onProgress: output.onProgress, signal }
}
