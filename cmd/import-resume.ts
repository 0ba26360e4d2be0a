import { createHash } from 'node:crypto'
import { readFile, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { assertPrivate, makePrivateDirectory } from '../lib/core/directories.ts'
import { MixloadError, messageOf } from '../lib/core/errors.ts'
import { memberOf, parseJson } from '../lib/core/json.ts'
import { replaceFile } from '../lib/core/replace-file.ts'

/** How often the state is written, so that it costs nothing. */
const WRITE_EVERY_MS = 500

/** How far the import of a file has come, to continue after a kill. A changed file is a new one. */
export class ImportResume {
  readonly #path: string
  #through: number
  #written: number
  #writtenAt = 0
  #writing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  private constructor(path: string, through: number) {
    this.#path = path
    this.#through = this.#written = through
  }

  /** `project` distinguishes projects and servers. Only a hash is stored, as it may be secret. */
  static async open(stateDirectory: string, file: string, project: string): Promise<ImportResume> {
    const { size, mtimeMs } = await stat(file)
    const key = JSON.stringify([resolve(file), size, mtimeMs, project])
    const name = `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`
    const path = join(stateDirectory, 'import', name)
    await assertPrivate(dirname(path), 'MIXLOAD_STATE_DIR')
    return new ImportResume(path, await throughOf(path))
  }

  /** Events, from the first, that need not be sent again. */
  get through(): number {
    return this.#through
  }

  /** Notes the progress, and stores it soon. A failure to write is reported by {@link end}. */
  note(through: number): void {
    this.#through = through
    if (through <= this.#written || this.#timer !== undefined) return
    const delay = Math.max(0, this.#writtenAt + WRITE_EVERY_MS - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#write()
    }, delay)
    this.#timer.unref()
  }

  /**
   * Stores the state, or deletes it if the import is complete. @throws MixloadError SPOOL_FAILED.
   */
  async end(isComplete: boolean): Promise<void> {
    clearTimeout(this.#timer)
    if (!isComplete && this.#through > this.#written) this.#write()
    try {
      await this.#writing
      if (isComplete) await rm(this.#path, { force: true })
    } catch (error) {
      if (error instanceof MixloadError) throw error
      throw new MixloadError(
        'SPOOL_FAILED',
        `Cannot write the state of the import to ${this.#path}: ${messageOf(error)}. Set MIXLOAD_STATE_DIR to a writable directory.`,
        { cause: error },
      )
    }
  }

  #write(): void {
    const through = this.#through
    this.#writtenAt = performance.now()
    this.#written = through
    this.#writing = this.#writing.then(async () => {
      await makePrivateDirectory(dirname(this.#path), 'MIXLOAD_STATE_DIR')
      await replaceFile(this.#path, JSON.stringify({ through }), { mode: 0o600 })
    })
    this.#writing.catch(() => {})
  }
}

async function throughOf(path: string): Promise<number> {
  // Without a valid state everything is sent, and Mixpanel drops duplicates.
  const through = memberOf(parseJson(await readFile(path, 'utf8').catch(() => '')), 'through')
  return typeof through === 'number' && Number.isSafeInteger(through) && through > 0 ? through : 0
}
