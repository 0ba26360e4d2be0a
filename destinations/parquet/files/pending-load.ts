import { mkdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { replaceFile, syncDirectory } from '../../../lib/core/replace-file.ts'
import type { LoadRecord } from '../../../lib/destination/contract.ts'
import { type AddedFile, commitText, readChanges } from './commit-file.ts'
import { isFileError, moveInto, namesIn, syncFile } from './file-system.ts'
import { fileName, type Layout } from './layout.ts'

/** A data file that is written, and where it is to go. */
export interface StagedFile extends AddedFile {
  /** Where it is for now. */
  readonly staged: string
}

/** A commit on its way, in its load's directory. It counts once it has a name among the loads. */
const COMMIT = 'commit.json'

/**
 * A load on its way, in a directory of its own beside the tables:
 *
 * 1. Its data files are written there.
 * 2. Its commit is written there: from now on a rollback knows what to undo.
 * 3. Day by day, files that are replaced go into it, and the new ones go from it to their places.
 * 4. The commit goes among the loads. That is one renaming: the load is done.
 * 5. The directory is removed with all that is left in it.
 *
 * A killed run leaves the directory, and what is in it shows how far it came. So readers see old
 * rows or new ones, for a moment neither, but never both.
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

  /** Undoes what is not committed, and removes what is left of what is. */
  static async settleAll(layout: Layout): Promise<void> {
    for (const name of await namesIn(layout.pending)) {
      await new PendingLoad(layout, join(layout.pending, name)).settle()
    }
  }

  /**
   * Puts files in their places, those of `removed` out of theirs, and commits. `commitPath`: the
   * commit's place.
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

  /** Removes what a committed load has left; what can't be removed now, at the next start. */
  async clear(removed: readonly string[]): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
    for (const directory of new Set(removed.map(dirname))) {
      // It stays where it is not empty.
      await rmdir(this.#place(directory)).catch(() => {})
    }
  }

  /** As if the load had never been, unless its commit has gone to its place. */
  async settle(): Promise<void> {
    const commit = join(this.directory, COMMIT)
    if ((await namesIn(this.directory)).includes(COMMIT)) {
      const { added, removed } = await readChanges(commit)
      for (const { path } of added) await rm(this.#place(path), { force: true })
      for (const [at, path] of removed.entries()) {
        await moveInto(this.#aside(at), this.#place(path)).catch((error: unknown) => {
          // Then it had not been moved yet, or is back already.
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
