import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ownTemporaryDirectory } from '../../lib/core/directories.ts'
import { eventsOf, Workplace } from './run-mixload.ts'

let place: Workplace
beforeAll(async () => {
  place = await Workplace.create({ token: 'abc' })
  await writeFile(join(place.directory, 'events.ndjson'), `${JSON.stringify(eventsOf('2026-03-01', 1)[0])}\n`)
})
afterAll(() => place[Symbol.asyncDispose]())

const NAME = ownTemporaryDirectory().split('/').at(-1) ?? ''

/** A directory for temporary files, in which somebody else has made something first. */
async function temporary(name: string, make: (path: string) => Promise<unknown>): Promise<string> {
  const directory = join(place.directory, name)
  await mkdir(directory)
  await make(join(directory, NAME))
  return directory
}

const open = async (path: string) => {
  await mkdir(path)
  await chmod(path, 0o777)
}

it('each user has a spool, which also keeps what Node has compiled', async () => {
  const directory = await temporary('fresh', async () => {})
  const { code } = await place.run(['status'], { TMPDIR: directory, MIXLOAD_SPOOL_DIR: undefined })
  expect(code).toBe(0)
  expect(await readdir(directory)).toEqual([NAME])
  expect(NAME).toContain(String(process.getuid?.()))
})

it.each<[string, (path: string) => Promise<unknown>, string]>([
  ['open', open, 'can be written by others'],
  ['link', (path) => symlink(place.directory, path), 'is a symbolic link'],
])('a spool that somebody else may write to is not used: %s', async (name, make, problem) => {
  const directory = await temporary(name, make)
  for (const args of [['status'], ['load', 'events.ndjson']]) {
    const { code, stderr } = await place.run(args, { TMPDIR: directory, MIXLOAD_SPOOL_DIR: undefined })
    expect([code, stderr]).toEqual([1, expect.stringContaining(problem)])
    expect(stderr).toContain('--spool-dir')
  }
  // Nor is there code of Node’s in it.
  expect(await readdir(join(directory, NAME))).not.toContain('compiled')
})

it('so are a spool of records to send and the state directory refused', async () => {
  const spool = join(place.directory, 'queue')
  await open(spool)
  const tracked = await place.run(['track', 'E', '--spool', 'queue'], { MIXPANEL_TOKEN: 'abc' })
  expect([tracked.code, tracked.stderr]).toEqual([1, expect.stringContaining('can be written by others')])
  const state = join(place.directory, 'shared-state')
  for (const part of ['import', 'budget']) {
    await mkdir(join(state, part), { recursive: true })
    await chmod(join(state, part), 0o777)
  }
  for (const args of [
    ['import', 'events.ndjson'],
    ['backfill', '--from', '2026-03-01', '--to', '2026-03-01'],
  ]) {
    const { code, stderr } = await place.run(args, {
      MIXPANEL_TOKEN: 'abc',
      MIXLOAD_STATE_DIR: state,
      MIXLOAD_REQUESTS_PER_HOUR: '9',
    })
    expect([code, stderr]).toEqual([1, expect.stringContaining('can be written by others')])
    expect(stderr).toContain('MIXLOAD_STATE_DIR')
  }
})
