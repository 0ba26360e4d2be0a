import { type ChildProcess, type ForkOptions, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/**
 * Starts a file of this folder as a process of its own, which reports to its parent what it does:
 * see `child-work.ts`.
 */
export function startProcess(file: string, args: readonly string[], options: ForkOptions = {}): ChildProcess {
  const path = join(import.meta.dirname, file)
  return fork(path, [...args], { serialization: 'advanced', execArgv: [], stdio: 'inherit', ...options })
}

/** What a child process says next. */
export async function nextMessage(child: ChildProcess): Promise<unknown> {
  const exit = new AbortController()
  const ended = once(child, 'exit', { signal: exit.signal }).then(() => Promise.reject(new Error('ended silently')))
  ended.catch(() => {})
  try {
    const [message] = await Promise.race([once(child, 'message'), ended])
    return message
  } finally {
    exit.abort()
  }
}

/** Ends a child process at once, whatever it does. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
