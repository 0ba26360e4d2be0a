import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { MixloadError, messageOf } from '../lib/core/errors.ts'

/** Far more than settings need; parsing much more would take minutes. */
const BYTES_MAX = 256 * 1024

/** A file of settings as it was read. */
export interface SmallFile {
  readonly text: string
  readonly stats: Stats
}

/**
 * Reads a file of settings. `isFound`: nobody has named it, so it need not exist.
 * @throws MixloadError CONFIG_INVALID if it cannot be read or is too large.
 */
export function readSmallFile(file: string, isFound: boolean): SmallFile | undefined {
  let descriptor: number | undefined
  try {
    // Opening a pipe that nobody writes to would wait for ever. A named one may be a shell's <(…).
    descriptor = openSync(file, constants.O_RDONLY | (isFound ? (constants.O_NONBLOCK ?? 0) : 0))
    const stats = fstatSync(descriptor)
    if (stats.isDirectory() || (isFound && !stats.isFile())) throw new Error('it is not a file')
    const bytes = Buffer.alloc(BYTES_MAX + 1)
    let length = 0
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(descriptor, bytes, length, bytes.length - length, null)
    }
    if (length > BYTES_MAX) throw new Error(`it is larger than ${BYTES_MAX / 1024} KiB, so it does not hold settings`)
    return { text: bytes.toString('utf8', 0, length), stats }
  } catch (error) {
    if (isFound && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new MixloadError('CONFIG_INVALID', `Cannot read settings from ${file}: ${messageOf(error)}`, { cause: error })
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** What to warn of if others than the user may read a file with secrets. `holds`: what it has. */
export function openSecretWarning(file: string, { stats }: SmallFile, holds: string): string | undefined {
  if (!stats.isFile() || (stats.mode & 0o044) === 0) return undefined
  return `${file} ${holds} and others may read it. Run: chmod 600 ${file}`
}
