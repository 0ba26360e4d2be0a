import type { Stats } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

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
