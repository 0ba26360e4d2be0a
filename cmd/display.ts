import { createLogUpdate } from 'log-update'
import { printableLine } from '../lib/core/printable.ts'

/** Lines at the end of standard error that are drawn again and again. */
export interface Display {
  show(lines: readonly string[]): void
  clear(): void
  done(): void
}

/** Creates the display of a terminal. */
export function createDisplay(): Display {
  const update = createLogUpdate(process.stderr)
  return {
    show: (lines) => update(lines.map(printableLine).join('\n')),
    clear: () => update.clear(),
    done: () => update.done(),
  }
}
