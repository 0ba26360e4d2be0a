import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rename, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isFailure } from '../../lib/core/errors.ts'
import { packagePath } from '../../lib/core/package-root.ts'
import { Sending, TOKEN } from './sending.ts'

let sending: Sending

beforeEach(async () => {
  sending = await Sending.start()
})
afterEach(() => sending[Symbol.asyncDispose]())

const down = () => sending.simulator.fault({ kind: 'status', status: 503, times: Number.POSITIVE_INFINITY })
const list = () => sending.simulator.profiles.get('ann')?.list
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
const arrived = async () => (await sending.stored()).map(({ properties }) => properties.n)
const left = () => (existsSync(sending.spool) ? readdirSync(sending.spool) : [])

/** How many records the spool knows to have been answered. */
function settled(): number {
  const files = readdirSync(sending.spool, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.sent'),
  )
  return files.flatMap((name) => readFileSync(join(sending.spool, name), 'utf8').match(/^\d+$/gm) ?? []).length
}

function start(count: number, mode: string, spool = sending.spool): ChildProcess {
  const program = packagePath('test', 'ingest', 'spool-child.ts')
  const args = [program, sending.simulator.url, spool, String(count), mode]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function killedAfterKeeping(count: number, until: () => Promise<void> = async () => {}): Promise<void> {
  const child = start(count, 'stay')
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  await until()
  child.kill('SIGKILL')
  await once(child, 'close')
}

describe('a spool', () => {
  it('is left alone by a dry run, which sends nothing and checks everything', async () => {
    down()
    await killedAfterKeeping(23)
    sending.simulator.clearFaults()
    const before = [left(), sending.simulator.requests.length]
    const client = sending.client({ spool: sending.spool, dryRun: true })
    await client.track('a', {}, { distinctId: 'ann' })
    await client.engage('ann', '$append', { list: 'last' })
    await expect(client.track('')).rejects.toThrow('event must be a name')
    const report = await client.import([
      { event: '', properties: {} },
      '{"event":"b","properties":{"time":1767225600}}',
    ])
    expect(report).toMatchObject({ accepted: 1, rejected: 1, failed: 0 })
    expect(await client.close()).toMatchObject({ accepted: 2, rejected: 0 })
    expect([left(), sending.simulator.requests.length]).toEqual(before)
    expect(left()).not.toEqual([])
  })

  it('has what a killed process did not deliver, and the next start sends it once and in order', async () => {
    down()
    await killedAfterKeeping(23)
    expect(await arrived()).toEqual([])
    sending.simulator.clearFaults()
    const client = sending.client({ spool: sending.spool })
    await client.engage('ann', '$append', { list: 'last' })
    expect((await client.close()).accepted).toBe(47)
    expect(await arrived()).toEqual(numbers(23))
    expect(list()).toEqual([...numbers(23), 'last'])
    expect(left()).toEqual([])
    await sending.client({ spool: sending.spool }).close()
    expect(await arrived()).toEqual(numbers(23))
  })

  it('does not send again what was answered before the process was killed', async () => {
    sending.simulator.fault({ kind: 'status', status: 503, times: Number.POSITIVE_INFINITY, skip: 7 })
    const answers = () => sending.simulator.requests.filter(({ status }) => status === 200).length
    await killedAfterKeeping(50, async () => {
      await expect.poll(answers).toBe(7)
      // What was answered has to get to the disk, too: seven batches of five.
      await expect.poll(settled).toBe(35)
    })
    expect(sending.simulator.eventCount()).toBeGreaterThan(0)
    expect(list()).not.toEqual([])
    sending.simulator.clearFaults()
    await sending.client({ spool: sending.spool }).close()
    expect(await arrived()).toEqual(numbers(50))
    expect(list()).toEqual(numbers(50))
  })

  it('is empty after the next start if a process was killed between the deletion of its two files', async () => {
    down()
    await killedAfterKeeping(1)
    const [session = ''] = readdirSync(sending.spool)
    const records = readdirSync(join(sending.spool, session))
    for (const name of records)
      await rename(join(sending.spool, session, name), join(sending.spool, session, `${name}.sent`))
    sending.simulator.clearFaults()
    expect((await sending.client({ spool: sending.spool }).close()).accepted).toBe(0)
    expect(left()).toEqual([])
  })

  it('keeps what was given up, also for a next client of the same process', async () => {
    down()
    const first = sending.client({ spool: sending.spool })
    await first.track('e', { n: 0 })
    await expect(first.flush()).rejects.toMatchObject({ code: 'SERVER_FAILED' })
    expect(sending.notices.at(-1)).toMatchObject({ kind: 'failed', kept: true })
    await first.close()
    sending.simulator.fault({ kind: 'slow-first-byte', ms: 3000, times: Number.POSITIVE_INFINITY })
    sending.simulator.clearFaults()
    const second = sending.client({ spool: sending.spool })
    expect((await second.close()).accepted).toBe(1)
    expect(await arrived()).toEqual([0])
  })

  it('is not taken from a client that runs', async () => {
    down()
    const retry = { retries: { SERVER_FAILED: 100 }, firstDelayMs: 300, delayMaxMs: 300 }
    const first = sending.client({ spool: sending.spool, retry })
    await first.track('e', { n: 0 })
    const second = sending.client({ spool: sending.spool })
    await second.close()
    const child = start(0, '')
    await once(child, 'close')
    sending.simulator.clearFaults()
    expect((await first.close()).accepted).toBe(1)
    expect(await arrived()).toEqual([0])
  })

  it('of another machine is taken over when that machine has been silent for long', async () => {
    down()
    await killedAfterKeeping(3)
    const [session = ''] = left()
    const foreign = join(sending.spool, `elsewhere-1-${session.slice(-8)}`)
    await rename(join(sending.spool, session), foreign)
    sending.simulator.clearFaults()
    await utimes(foreign, new Date(), new Date())
    await sending.client({ spool: sending.spool }).close()
    expect(await arrived()).toEqual([])
    const long = new Date(Date.now() - 120_000)
    await utimes(foreign, long, long)
    await sending.client({ spool: sending.spool }).close()
    expect(await arrived()).toEqual(numbers(3))
  })

  it('has no token in it, and a line that was cut is not a record', async () => {
    down()
    await killedAfterKeeping(2)
    const [session = ''] = left()
    const files = readdirSync(join(sending.spool, session)).map((file) => join(sending.spool, session, file))
    for (const file of files) expect(readFileSync(file, 'utf8')).not.toContain(TOKEN)
    const [events = ''] = files.filter((file) => file.endsWith('track.ndjson'))
    await writeFile(events, `${readFileSync(events, 'utf8')}{"properties":{"n":2`)
    sending.simulator.clearFaults()
    expect((await sending.client({ spool: sending.spool }).close()).accepted).toBe(4)
    expect(await arrived()).toEqual([0, 1])
  })

  it('that cannot be written is an error of the call', async () => {
    await mkdir(sending.directory, { recursive: true })
    const file = join(sending.directory, 'file')
    await writeFile(file, '')
    const client = sending.client({ spool: file })
    const failure = await client.track('e').catch((error: unknown) => error)
    expect(isFailure(failure, 'SPOOL_FAILED')).toBe(true)
    await expect(client.close()).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
  })
})

describe('a process that ends', () => {
  it('delivers what is queued', async () => {
    const child = start(12, '', '')
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    expect(await arrived()).toEqual(numbers(12))
    expect(list()).toEqual(numbers(12))
  })

  it('ends within a time limit if Mixpanel does not answer, and leaves the rest in the spool', async () => {
    down()
    const child = start(2, '')
    const [code] = await once(child, 'close')
    // By itself it would try again for hours.
    expect(code).toBe(0)
    expect(left()).toHaveLength(1)
  })
})
