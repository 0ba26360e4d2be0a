import { lstat } from 'node:fs/promises'
import { MixloadError } from './errors.ts'
import { makeDirectory } from './make-directory.ts'
import { privacyProblem } from './privacy.ts'

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
