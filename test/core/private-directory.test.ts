import { chmod, chown, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assertPrivate, makePrivateDirectory, privacyProblem } from '../../lib/core/directories.ts'
import { DeliverySpool } from '../../lib/ingest/delivery-spool.ts'
import { RequestBudget } from '../../lib/mixpanel/budget.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'

let place: string
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'mixload-private-'))
})
afterEach(() => rm(place, { recursive: true, force: true }))

const directory = { isDirectory: () => true, isSymbolicLink: () => false }

it('a directory is private if it is the user’s and nobody else may write to it', () => {
  fc.assert(
    fc.property(fc.nat(3), fc.nat(3), fc.nat(0o7777), (uid, user, mode) => {
      const problem = privacyProblem({ ...directory, uid, mode: 0o40000 | mode }, user)
      expect(problem === undefined).toBe(uid === user && (mode & 0o022) === 0)
    }),
  )
})

describe('a private directory', () => {
  it('is created with its parents for the user alone, and taken again', async () => {
    const path = join(place, 'a', 'b')
    for (let time = 0; time < 2; time++) await makePrivateDirectory(path, '--spool-dir')
    expect((await stat(path)).mode & 0o777).toBe(0o700)
  })

  it('that others may write to, or that a link leads to, is refused with what to do', async () => {
    const path = join(place, 'open')
    await mkdir(path)
    await chmod(path, 0o777)
    await expect(makePrivateDirectory(path, '--spool-dir')).rejects.toMatchObject({
      code: 'SPOOL_FAILED',
      message: `${path} can be written by others (mode 777), so others could change what mixload reads from it. Run chmod go-w ${path}, or set --spool-dir to a directory of your own.`,
    })
    const link = join(place, 'link')
    await symlink(place, link)
    await expect(makePrivateDirectory(link, '--spool-dir')).rejects.toThrow(`${link} is a symbolic link, so`)
    await symlink(join(place, 'nothing'), join(place, 'dangling'))
    await expect(makePrivateDirectory(join(place, 'dangling'), '--spool-dir')).rejects.toThrow()
    await writeFile(join(place, 'file'), '')
    await expect(assertPrivate(join(place, 'file'), '--spool-dir')).rejects.toThrow('is not a directory')
    await assertPrivate(join(place, 'nothing'), '--spool-dir')
  })

  it('of another user is refused', async () => {
    const isRoot = process.getuid?.() === 0
    const path = isRoot ? join(place, 'foreign') : '/usr'
    if (isRoot) {
      await mkdir(path)
      await chown(path, 1, 1)
    }
    await expect(makePrivateDirectory(path, '--spool-dir')).rejects.toThrow(
      `${path} belongs to another user (${isRoot ? 1 : 0})`,
    )
  })

  it.each<[string, (path: string) => Promise<unknown>]>([
    ['the spool of loads', (path) => SpoolDirectory.create(path)],
    ['the spool of the sending client', (path) => DeliverySpool.open(path)],
    [
      'the request budget',
      (path) => new RequestBudget(path, 'b', { perHour: 1, perSecond: 0 }).acquire(new AbortController().signal),
    ],
  ])('is needed by %s', async (_, use) => {
    const path = join(place, 'open')
    await mkdir(path)
    await chmod(path, 0o775)
    await expect(use(path)).rejects.toMatchObject({
      code: 'SPOOL_FAILED',
      message: expect.stringContaining(`${path} can be written by others (mode 775)`),
    })
  })
})
