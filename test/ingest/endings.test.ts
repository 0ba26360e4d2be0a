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
const failRequests = () => sending.simulator.fault({ kind: 'status', status: 503, times: Number.POSITIVE_INFINITY })

/** Sends everything that is left in the spool, as the next start does. */
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

const finite = (count: number, mode: string, spool = sending.spool) =>
  child('spool-child.ts', [spool, String(count), mode])
const endless = (first: number, shell = '') => child('endless-child.ts', [sending.spool, String(first)], shell)

async function outcome(child: ChildProcess) {
  const streams = [child.stdout, child.stderr].map((stream) => text(stream as NodeJS.ReadableStream))
  const [code, signal] = await once(child, 'close')
  const [stdout = '', stderr = ''] = await Promise.all(streams)
  return { code, signal, stdout, stderr }
}

describe('a process that is killed while it sends', () => {
  it('loses no record that was in the spool, and duplicates have the same $insert_id', async () => {
    const kept: number[] = []
    for (const round of numbers(6)) {
      const process = endless(round * 1_000_000)
      await once(process.stdout as NodeJS.ReadableStream, 'data')
      const done = outcome(process)
      // At different times: before the first response, between responses, and while files are
      // deleted.
      setTimeout(() => process.kill('SIGKILL'), [0, 20, 60, 150, 300, 500][round])
      const { stdout } = await done
      // The first line was already read from the pipe above.
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

  it('leaves its records to exactly one of several processes that start at the same time', async () => {
    failRequests()
    const first = finite(40, 'stay')
    await once(first.stdout as NodeJS.ReadableStream, 'data')
    first.kill('SIGKILL')
    await once(first, 'close')
    sending.simulator.clearFaults()
    const all = await Promise.all(numbers(4).map(() => outcome(finite(0, ''))))
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    expect(await arrived()).toEqual(numbers(40))
    expect(sending.simulator.profiles.get('ann')?.list).toEqual(numbers(40))
    expect(left()).toEqual([])
  })
})

describe('a full disk', () => {
  it('fails the call, and earlier records are sent when there is space again', async () => {
    failRequests()
    const { code, stdout, stderr } = await outcome(endless(0, 'ulimit -f 40'))
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringMatching(/EFBIG|too large|ENOSPC/i) })
    const kept = stdout.trim().split('\n').length
    expect(kept).toBeGreaterThan(10)
    await sendRest()
    // The record that did not fit is not sent, not even in part.
    expect(await arrived()).toEqual(numbers(kept))
  })
})

describe('a process that gets a signal', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s delivers what is queued, and then ends by the signal',
    async (signal) => {
      const child = finite(12, 'stay', '')
      await once(child.stdout as NodeJS.ReadableStream, 'data')
      child.kill(signal)
      expect(await outcome(child)).toMatchObject({ code: null, signal })
      expect(await arrived()).toEqual(numbers(12))
    },
  )

  it('ends after the timeout if Mixpanel does not respond, and at once after a second signal', async () => {
    failRequests()
    for (const [signals, mostMs] of [
      [1, 20_000],
      [2, 2500],
    ] as const) {
      const child = finite(3, 'stay')
      await once(child.stdout as NodeJS.ReadableStream, 'data')
      const started = Date.now()
      const done = outcome(child)
      for (const _ of numbers(signals)) {
        child.kill('SIGTERM')
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
      expect(await done).toMatchObject({ signal: 'SIGTERM' })
      expect(Date.now() - started).toBeLessThan(mostMs)
    }
    await sendRest()
    expect(await arrived()).toEqual([0, 0, 1, 1, 2, 2])
  })

  it('and has its own listener decides when it ends, and what is queued is delivered meanwhile', async () => {
    const child = finite(12, 'listen', '')
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    const done = outcome(child)
    child.kill('SIGTERM')
    expect(await done).toMatchObject({ code: 7, stdout: expect.stringContaining('signal') })
    expect(await arrived()).toEqual(numbers(12))
  })
})

describe('a process that ends without closing its client', () => {
  it.each([
    ['throw', 1],
    ['exit', 0],
  ])('by %s leaves its records to the next start', async (mode, code) => {
    failRequests()
    expect(await outcome(finite(12, mode))).toMatchObject({ code })
    expect(await arrived()).toEqual([])
    await sendRest()
    expect(await arrived()).toEqual(numbers(12))
    expect(sending.simulator.profiles.get('ann')?.list).toEqual(numbers(12))
  })
})

describe('a client that is closed', () => {
  it('ends after the timeout if the server accepts connections but does not respond', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const client = sending.client({
      apiUrl: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
      spool: sending.spool,
    })
    for (const n of numbers(3)) await client.track('e', { n })
    const started = Date.now()
    await expect(client.close({ timeoutMs: 300 })).rejects.toMatchObject({
      code: 'UNDELIVERED',
      message: expect.stringContaining(sending.spool),
    })
    expect(Date.now() - started).toBeLessThan(5000)
    silent.closeAllConnections()
    silent.close()
    await sendRest()
    expect(await arrived()).toEqual(numbers(3))
  })

  it('delivers calls that were not awaited, with and without a spool', async () => {
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
