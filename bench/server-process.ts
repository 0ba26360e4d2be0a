import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { plainEnvironment } from './environment.ts'
import type { NodeProgram } from './program.ts'

/** A program that serves until it is disposed of. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string
}

/**
 * Starts a program that prints one line of JSON with its `url` once it serves.
 * @throws Error when it ends before that.
 */
export async function startServer({ script, args, cwd, environment = {} }: NodeProgram): Promise<ServerProcess> {
  const child = spawn(process.execPath, [script, ...args], {
    cwd,
    env: { ...plainEnvironment(), ...environment },
    // Its standard input ends with this process, however that ends.
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const line = once(createInterface(child.stdout), 'line').then(([first]) => String(first))
  const failed = ended.then(() => {
    throw new Error(`${script} ended before it served.`)
  })
  // That it ends after having served is no failure.
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
