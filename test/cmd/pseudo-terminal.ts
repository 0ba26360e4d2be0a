import { spawn } from 'node:child_process'
import { packagePath } from '../../lib/core/package-root.ts'
import { ended } from './run-mixload.ts'

/** What is typed once the terminal shows a text. */
export type Typing = readonly [shown: string, typed: string]

/** What a run on a terminal left. */
export interface TerminalRun {
  readonly code: number | null
  /** All that the terminal showed, the typed texts included. */
  readonly screen: string
}

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

/**
 * Runs `mixload ARGS` on a terminal of its own, made by `script`, and types. A text is awaited in
 * what is shown after the text before.
 */
export async function onPseudoTerminal(
  args: readonly string[],
  place: { readonly directory: string; readonly environment: NodeJS.ProcessEnv },
  typings: readonly Typing[] = [],
): Promise<TerminalRun> {
  const command = [process.execPath, packagePath('dist', 'cmd', 'mixload.js'), ...args].map(quoted).join(' ')
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    cwd: place.directory,
    env: { TERM: 'xterm', SHELL: '/bin/sh', ...place.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const left = [...typings]
  let unread = ''
  child.stdout.on('data', (data) => {
    unread += data
    const [next] = left
    if (next === undefined) return
    const at = unread.indexOf(next[0])
    if (at === -1) return
    unread = unread.slice(at + next[0].length)
    left.shift()
    child.stdin.write(next[1])
  })
  const { code, stdout } = await ended(child)
  return { code, screen: stdout }
}
