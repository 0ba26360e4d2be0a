import { open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** How {@link replaceFile} writes. */
export interface ReplaceFileOptions {
  /** Permissions of the new file; the system's default if left out. */
  readonly mode?: number
  /** Whether the new text survives a power failure: it is flushed, and so is its directory. */
  readonly isDurable?: boolean
}

/**
 * Replaces the text of a file, whose directory must exist. A reader, or a process that is killed,
 * sees all of the old text or all of the new one. @throws the system's error; the old file is then
 * unchanged.
 */
export async function replaceFile(path: string, text: string, options: ReplaceFileOptions = {}): Promise<void> {
  const { mode, isDurable = false } = options
  const temporary = `${path}.${process.pid}.new`
  try {
    await writeFile(temporary, text, { flush: isDurable, ...(mode === undefined ? {} : { mode }) })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
  if (isDurable) await syncDirectory(dirname(path))
}

/**
 * Makes the names in a directory survive a power failure, where the system can: Windows does not
 * open directories, and some network file systems refuse it. @throws the system's error
 */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch((error) => unless(error, 'EISDIR', 'EPERM', 'EACCES'))
  if (directory === undefined) return
  try {
    await directory.sync()
  } catch (error) {
    unless(error, 'EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR')
  } finally {
    await directory.close()
  }
}

/** Throws an error unless it has one of these codes. */
function unless(error: unknown, ...codes: readonly string[]): undefined {
  if (error instanceof Error && 'code' in error && codes.includes(String(error.code))) return undefined
  throw error
}
