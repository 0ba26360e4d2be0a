import { messageOf } from '../../lib/core/errors.ts'
import type { Explanation } from '../../lib/destination/contract.ts'
import { isFileError } from './files/file-system.ts'

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

/** What an error of the file system means, with its path. */
export function explain(error: unknown): Explanation | undefined {
  if (!isFileError(error)) return undefined
  const path = error.path === undefined || error.message.includes(error.path) ? '' : ` (${error.path})`
  return { reason: `${messageOf(error)}${path}`, advice: ADVICE[error.code ?? ''] }
}
