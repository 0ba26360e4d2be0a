import { mkdir, open, readdir, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Whether this is a failure of the file system, with one of these codes if any are named. */
export function isFileError(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string' || !('syscall' in error))
    return false
  return codes.length === 0 || codes.includes(error.code)
}

/** The names in a directory, sorted; none if it does not exist. */
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

/** Moves a file. Creates its new directory if needed. */
export async function moveInto(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await rename(from, to)
}
