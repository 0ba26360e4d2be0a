import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../free-port.ts'

/** Where `make` installs it. */
const INSTALLED = fileURLToPath(new URL('../../.tmp/bigquery-emulator', import.meta.url))
const SHIM = fileURLToPath(new URL('shim.py', import.meta.url))
const MEMORY_DISK = '/dev/shm'
const ROOM_BYTES = 2 ** 30
const START_MS = 120_000

export interface Emulator {
  /** Such as `http://127.0.0.1:4711`. It knows every project, and keeps what it has in memory. */
  readonly url: string
  stop(): Promise<void>
}

/** Starts an emulator of BigQuery, empty. It ends with this process, too. */
export async function startEmulator(): Promise<Emulator> {
  const python = join(INSTALLED, 'python')
  if (!existsSync(python)) throw new Error('The emulator of BigQuery is not installed: run `make bigquery-emulator`.')
  const data = await mkdtemp(join(await quickDisk(), 'mixload-bigquery-'))
  const [port, grpcPort] = await Promise.all([freePort(), freePort()])
  const args = ['--host', '127.0.0.1', '--port', `${port}`, '--grpc-port', `${grpcPort}`, '--data-dir', data]
  const child = spawn(python, [SHIM, ...args, '--project', 'proj'], {
    env: { ...process.env, HOME: INSTALLED, PYTHONPATH: join(INSTALLED, 'site'), PYTHONDONTWRITEBYTECODE: '' },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let says = ''
  child.stderr?.on('data', (text) => {
    says = (says + text).slice(-5000)
  })
  const url = `http://127.0.0.1:${port}`
  const stop = async () => {
    await end(child)
    await rm(data, { recursive: true, force: true })
  }
  const deadline = performance.now() + START_MS
  while (!(await answers(url))) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      await stop()
      throw new Error(`The emulator of BigQuery does not start:\n${says}`)
    }
    await sleep(100)
  }
  return { url, stop }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/bigquery/v2/projects/proj/datasets`)).ok
  } catch {
    return false
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** Its catalogue is written for each call: on a real disk each would wait for it. */
async function quickDisk(): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(MEMORY_DISK)
    return bavail * bsize > ROOM_BYTES ? MEMORY_DISK : tmpdir()
  } catch {
    return tmpdir()
  }
}
