import type { Stats } from 'node:fs'
import { lstat, mkdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { MixloadError } from './errors.ts'

/** Of the system's user; undefined where users have no number, as on Windows. */
const OWN_USER = process.getuid?.()

/** The user's own directory among the temporary files; others cannot have made it first unseen. */
export function ownTemporaryDirectory(): string {
  return join(tmpdir(), OWN_USER === undefined ? 'mixload' : `mixload-${OWN_USER}`)
}

/**
 * What lets others change the content of a directory, as the end of a sentence about it; undefined
 * if it is the user's alone. `stats`: of the path itself, not of where a link leads.
 */
export function privacyProblem(
  stats: Pick<Stats, 'uid' | 'mode' | 'isDirectory' | 'isSymbolicLink'>,
  user: number | undefined = OWN_USER,
): string | undefined {
  if (stats.isSymbolicLink()) return 'is a symbolic link'
  if (!stats.isDirectory()) return 'is not a directory'
  if (user === undefined) return undefined
  if (stats.uid !== user) return `belongs to another user (${stats.uid})`
  return (stats.mode & 0o022) === 0 ? undefined : `can be written by others (mode ${(stats.mode & 0o7777).toString(8)})`
}

/**
 * Creates a directory and its missing parents. Node's own recursive option loops forever where
 * nothing can be created, as in /proc. @throws the system's error
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (await isDirectory(path)) return
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const parent = dirname(resolve(path))
    if (!(await isDirectory(parent))) await makeDirectory(parent, mode)
    // Somebody else may have made the parent, or this one, in the meantime.
    await mkdir(path, { mode }).catch(async (failure) => {
      if (!(await isDirectory(path))) throw failure
    })
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/**
 * Creates a directory for files that are trusted later, or takes an existing one that is the user's
 * alone. `setting`: what names another directory, such as `--spool-dir`.
 * @throws MixloadError SPOOL_FAILED if others could change its content; the system's error if it
 *   cannot be created.
 */
export async function makePrivateDirectory(path: string, setting: string): Promise<void> {
  await makeDirectory(path, 0o700)
  await assertPrivate(path, setting)
}

/**
 * Checks that a directory is the user's alone, if it exists.
 * @throws MixloadError SPOOL_FAILED if it is not.
 */
export async function assertPrivate(path: string, setting: string): Promise<void> {
  const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  const problem = stats === undefined ? undefined : privacyProblem(stats)
  if (problem === undefined) return
  const fix = problem.startsWith('can be written') ? `Run chmod go-w ${path}, or set` : 'Set'
  throw new MixloadError(
    'SPOOL_FAILED',
    `${path} ${problem}, so others could change what mixload reads from it. ${fix} ${setting} to a directory of your own.`,
  )
}
