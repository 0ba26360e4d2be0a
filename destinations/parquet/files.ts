import { mkdir, open, readdir, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MixloadError, messageOf } from '../../lib/core/errors.ts'

/** What to do about a failure of the file system, by its code. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: make room and run again.',
  EDQUOT: 'The quota of this disk is used up: make room and run again.',
  EACCES: 'Give the user that runs mixload the right to write there.',
  EPERM: 'Give the user that runs mixload the right to write there.',
  EROFS: 'This is mounted read-only: mount it to be written, or choose another directory.',
  ENOENT: 'Something has removed it: check that the disk is mounted, and run again.',
  ENOTDIR: 'There is a file where a directory should be: choose another directory.',
  EEXIST: 'There is a file where a directory should be: choose another directory.',
  EMFILE: 'Too many files are open: raise the limit (ulimit -n) and run again.',
  ENAMETOOLONG: 'The path is too long for this file system: choose another directory.',
}

/** Whether this is a failure of the file system, with one of these codes if any are named. */
export function isFileError(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string' || !('syscall' in error))
    return false
  return codes.length === 0 || codes.includes(error.code)
}

/** A failure of the file system in words, with its path and what to do. */
export function fileFailure(what: string, error: NodeJS.ErrnoException): MixloadError {
  const advice = ADVICE[error.code ?? '']
  const path = error.path === undefined || error.message.includes(error.path) ? '' : ` (${error.path})`
  const message = `${what}: ${messageOf(error)}${path}.${advice === undefined ? '' : ` ${advice}`}`
  return new MixloadError('DESTINATION_FAILED', message, { cause: error })
}

/** The names in a directory, sorted; none where it is not there. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).toSorted()
  } catch (error) {
    if (isFileError(error, 'ENOENT')) return []
    throw error
  }
}

/** Waits until a file's bytes are on the disk. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Renames a file into a directory, which is made where it is not there. */
export async function moveInto(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await rename(from, to)
}
