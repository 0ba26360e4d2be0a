import { mkdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { replaceFile, syncDirectory } from '../../../lib/core/replace-file.ts'
import type { LoadRecord } from '../../../lib/destination/contract.ts'
import { type AddedFile, commitText, readChanges } from './commit-file.ts'
import { isFileError, moveInto, namesIn, syncFile } from './file-system.ts'
import { fileName, type Layout } from './layout.ts'

/** A data file that is written, and its future path. */
export interface StagedFile extends AddedFile {
  /** Where it is now. */
  readonly staged: string
}

/** A commit in the directory of its load. It counts as soon as it is moved to the loads. */
const COMMIT = 'commit.json'

/**
 * A load that is not finished, in a directory of its own next to the tables:
 *
 * 1. Its data files are written there.
 * 2. Its commit is written there. From now on, a rollback knows what to undo.
 * 3. Day by day, the replaced files are moved into it, and the new files from it to their places.
 * 4. The commit is moved to the loads by one rename. Now the load is done.
 * 5. The directory is removed with everything in it.
 *
 * A killed run leaves the directory, whose content shows which steps are done. Readers see the old
 * rows or the new ones, for a moment neither, but never both.
 */
export class PendingLoad {
  readonly directory: string
  readonly #layout: Layout

  private constructor(layout: Layout, directory: string) {
    this.#layout = layout
    this.directory = directory
  }

  static async create(layout: Layout, loadId: string): Promise<PendingLoad> {
    const directory = join(layout.pending, fileName(loadId))
    await mkdir(directory, { recursive: true })
    return new PendingLoad(layout, directory)
  }

  /** Undoes loads that are not committed, and removes the rest of those that are. */
  static async settleAll(layout: Layout): Promise<void> {
    for (const name of await namesIn(layout.pending)) {
      await new PendingLoad(layout, join(layout.pending, name)).settle()
    }
  }

  /**
   * Moves the new files to their places, the removed files out of theirs, and the commit to
   * `commitPath`.
   */
  async publish(
    record: LoadRecord,
    files: readonly StagedFile[],
    removed: readonly string[],
    commitPath: string,
  ): Promise<void> {
    const added = files.map(({ table, path, rows, bytes }) => ({ table, path, rows, bytes }))
    for (const { staged } of files) await syncFile(staged)
    await replaceFile(join(this.directory, COMMIT), commitText(record, { added, removed }), { isDurable: true })
    await syncDirectory(this.#layout.pending)
    const aside = [...removed.entries()]
    const directories = new Set([...removed, ...added.map(({ path }) => path)].map(dirname))
    for (const directory of directories) {
      for (const [at, path] of aside)
        if (dirname(path) === directory) await moveInto(this.#place(path), this.#aside(at))
      for (const { staged, path } of files) if (dirname(path) === directory) await moveInto(staged, this.#place(path))
    }
    for (const directory of directories) {
      await syncDirectory(this.#place(directory))
      await syncDirectory(dirname(this.#place(directory)))
    }
    await rename(join(this.directory, COMMIT), commitPath)
    await syncDirectory(dirname(commitPath))
  }

  /** Removes what a committed load has left. The next start removes what cannot be removed now. */
  async clear(removed: readonly string[]): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
    for (const directory of new Set(removed.map(dirname))) {
      // This fails if it is not empty.
      await rmdir(this.#place(directory)).catch(() => {})
    }
  }

  /** Undoes the load, unless it is committed, and removes its directory. */
  async settle(): Promise<void> {
    const commit = join(this.directory, COMMIT)
    if ((await namesIn(this.directory)).includes(COMMIT)) {
      const { added, removed } = await readChanges(commit)
      for (const { path } of added) await rm(this.#place(path), { force: true })
      for (const [at, path] of removed.entries()) {
        await moveInto(this.#aside(at), this.#place(path)).catch((error: unknown) => {
          // It had not been moved yet, or has been moved back already.
          if (!isFileError(error, 'ENOENT')) throw error
        })
      }
      for (const directory of new Set([...removed, ...added.map(({ path }) => path)].map(dirname))) {
        // Days that only this load had.
        await rmdir(this.#place(directory)).catch(() => {})
      }
    }
    await rm(this.directory, { recursive: true, force: true })
  }

  #place(path: string): string {
    return join(this.#layout.directory, path)
  }

  #aside(at: number): string {
    return join(this.directory, 'replaced', String(at))
  }
}
