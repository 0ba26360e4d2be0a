import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packagePath } from '../../lib/core/package-root.ts'
import { Sending } from './sending.ts'

let sending: Sending

beforeEach(async () => {
  sending = await Sending.start()
})
afterEach(() => sending[Symbol.asyncDispose]())

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
const arrived = async () => (await sending.stored()).map(({ properties }) => Number(properties.n))
const left = () => (existsSync(sending.spool) ? readdirSync(sending.spool) : [])
const down = () => sending.simulator.fault({ kind: 'status', status: 503, times: Number.POSITIVE_INFINITY })

/** Everything that a next start finds in the spool. */
async function sendRest(): Promise<void> {
  sending.simulator.clearFaults()
  await sending.client({ spool: sending.spool }).close()
  expect(left()).toEqual([])
}

function child(name: string, args: readonly string[], shell = ''): ChildProcess {
  const program = [process.execPath, packagePath('test', 'ingest', name), sending.simulator.url, ...args]
  if (shell === '') return spawn(program[0] as string, program.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  return spawn('sh', ['-c', `${shell}; exec "$@"`, 'sh', ...program], { stdio: ['ignore', 'pipe', 'pipe'] })
}

const ending = (count: number, mode: string, spool = sending.spool, closeTimeoutMs = 3000) =>
  child('spool-child.ts', [spool, String(count), mode, String(closeTimeoutMs)])
const endless = (first: number, shell = '') => child('endless-child.ts', [sending.spool, String(first)], shell)

async function outcome(of: ChildProcess) {
  const streams = [of.stdout, of.stderr].map((stream) => text(stream as NodeJS.ReadableStream))
  const [code, signal] = await once(of, 'close')
  const [stdout = '', stderr = ''] = await Promise.all(streams)
  return { code, signal, stdout, stderr }
}

describe('a process that is killed in the middle of sending', () => {
  it('again and again, loses nothing that was kept, and what arrives twice has one $insert_id', async () => {
    const kept: number[] = []
    for (const round of numbers(6)) {
      const child = endless(round * 1_000_000)
      await once(child.stdout as NodeJS.ReadableStream, 'data')
      const done = outcome(child)
      // Sooner and later: before the first answer, among answers, and while files are removed.
      setTimeout(() => child.kill('SIGKILL'), [0, 20, 60, 150, 300, 500][round])
      const { stdout } = await done
      // The first number was read from the pipe above, so it is added here.
      kept.push(round * 1_000_000, ...stdout.trim().split('\n').filter(Boolean).map(Number))
    }
    await sendRest()
    const found = await sending.stored()
    const ids = new Set(found.map(({ properties }) => properties.n))
    expect(kept.filter((n) => !ids.has(n))).toEqual([])
    const keys = new Set(
      found.map(({ event, properties: { distinct_id, time, $insert_id } }) =>
        [event, distinct_id, time, $insert_id].join(),
      ),
    )
    expect(keys.size).toBe(ids.size)
  })

  it('is replaced by one of several that start at the same time', async () => {
    down()
    const first = ending(40, 'stay')
    await once(first.stdout as NodeJS.ReadableStream, 'data')
    first.kill('SIGKILL')
    await once(first, 'close')
    sending.simulator.clearFaults()
    const all = await Promise.all(numbers(4).map(() => outcome(ending(0, ''))))
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    expect(await arrived()).toEqual(numbers(40))
    expect(sending.simulator.profiles.get('ann')?.list).toEqual(numbers(40))
    expect(left()).toEqual([])
  })
})

describe('a full disk', () => {
  it('fails the call, and what the calls before had kept is sent once there is room', async () => {
    down()
    const { code, stdout, stderr } = await outcome(endless(0, 'ulimit -f 40'))
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringMatching(/EFBIG|too large|ENOSPC/i) })
    const kept = stdout.trim().split('\n').length
    expect(kept).toBeGreaterThan(10)
    await sendRest()
    // The one that did not fit is not among them, not even in part.
    expect(await arrived()).toEqual(numbers(kept))
  })
})

describe('a process that is asked to end', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'by %s delivers what is queued, and then ends by it',
    async (signal) => {
      const child = ending(12, 'stay', '')
      await once(child.stdout as NodeJS.ReadableStream, 'data')
      child.kill(signal)
      expect(await outcome(child)).toMatchObject({ code: null, signal })
      expect(await arrived()).toEqual(numbers(12))
    },
  )

  it('ends within a time limit if Mixpanel does not answer, and at once when asked again', async () => {
    down()
    const bounded = ending(3, 'stay')
    await once(bounded.stdout as NodeJS.ReadableStream, 'data')
    bounded.kill('SIGTERM')
    expect(await outcome(bounded)).toMatchObject({ signal: 'SIGTERM' })

    const unbounded = ending(3, 'stay', sending.spool, 3_600_000)
    await once(unbounded.stdout as NodeJS.ReadableStream, 'data')
    const done = outcome(unbounded)
    // Two signals that come before the process has seen the first are one to it.
    const timer = setInterval(() => unbounded.kill('SIGTERM'), 200)
    expect(await done).toMatchObject({ signal: 'SIGTERM' })
    clearInterval(timer)
    await sendRest()
    expect(await arrived()).toEqual([0, 0, 1, 1, 2, 2])
  })

  it('and handles the signal itself decides how, and what is queued is sent meanwhile', async () => {
    const child = ending(12, 'listen', '')
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    const done = outcome(child)
    child.kill('SIGTERM')
    await expect.poll(arrived).toEqual(numbers(12))
    child.kill('SIGUSR2')
    expect(await done).toMatchObject({ code: 7, stdout: expect.stringContaining('asked') })
  })
})

describe('a process that ends without being asked', () => {
  it.each([
    ['throw', 1],
    ['exit', 0],
  ])('by %s leaves what was not sent to the next start', async (mode, code) => {
    down()
    expect(await outcome(ending(12, mode))).toMatchObject({ code })
    expect(await arrived()).toEqual([])
    await sendRest()
    expect(await arrived()).toEqual(numbers(12))
    expect(sending.simulator.profiles.get('ann')?.list).toEqual(numbers(12))
  })
})

describe('a client that is closed', () => {
  it('while the server accepts connections and does not answer ends within the time limit', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const client = sending.client({
      apiUrl: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
      spool: sending.spool,
    })
    for (const n of numbers(3)) await client.track('e', { n })
    await expect(client.close({ timeoutMs: 300 })).rejects.toMatchObject({
      code: 'UNDELIVERED',
      message: expect.stringContaining(sending.spool),
    })
    silent.closeAllConnections()
    silent.close()
    await sendRest()
    expect(await arrived()).toEqual(numbers(3))
  })

  it('delivers calls that nobody has waited for, also with a spool', async () => {
    for (const spool of [undefined, sending.spool]) {
      const client = sending.client({ spool })
      const calls = numbers(50).map((n) => client.track('e', { n }))
      expect(await client.close()).toMatchObject({ accepted: 50 })
      await Promise.all(calls)
    }
    expect(await arrived()).toHaveLength(100)
    expect(left()).toEqual([])
  })
})
