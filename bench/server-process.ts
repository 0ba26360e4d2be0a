import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { plainEnvironment } from './environment.ts'
import type { NodeProgram } from './program.ts'

/** A server that runs until it is disposed. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string
}

/**
 * Starts a server, which prints one line of JSON with its `url` when it is ready.
 * @throws Error if it ends before that.
 */
export async function startServer({ script, args, cwd, environment = {} }: NodeProgram): Promise<ServerProcess> {
  const child = spawn(process.execPath, [script, ...args], {
    cwd,
    env: { ...plainEnvironment(), ...environment },
    // Its standard input is closed when this process ends, even if it is killed.
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const line = once(createInterface(child.stdout), 'line').then(([first]) => String(first))
  const failed = ended.then(() => {
    throw new Error(`${script} ended before it was ready.`)
  })
  // Later, its end is not a failure.
  failed.catch(() => {})
  const { url } = JSON.parse(await Promise.race([line, failed])) as { url: string }
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill()
      await ended
    },
  }
}
