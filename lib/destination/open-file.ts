import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { MixloadError } from '../core/errors.ts'

/** A file that is open for the whole run: writing to one that was deleted fails nowhere. */
export class OpenFile {
  readonly #path: string
  readonly #inode: bigint

  /** @throws the system's error if the file does not exist. */
  constructor(path: string) {
    this.#path = path
    this.#inode = statSync(path, { bigint: true }).ino
  }

  /**
   * Checks that the path still leads to the file that was opened.
   * @throws MixloadError DESTINATION_FAILED if it was deleted, moved or replaced.
   */
  async assertThere(): Promise<void> {
    const found = await stat(this.#path, { bigint: true }).catch(() => undefined)
    if (found?.ino === this.#inode) return
    throw new MixloadError(
      'DESTINATION_FAILED',
      `${this.#path} was ${found === undefined ? 'deleted or moved' : 'replaced'} while it was open, so what was loaded since is not in it. Put the file back if you can, and run again.`,
    )
  }
}
