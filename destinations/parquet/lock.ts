import { constants, existsSync } from 'node:fs'
import { copyFile, link, readFile, realpath, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { MixloadError } from '../../lib/core/errors.ts'
import { replaceFile } from '../../lib/core/replace-file.ts'
import { quoteName, quoteText } from '../../lib/core/sql.ts'
import { OpenFile } from '../../lib/destination/open-file.ts'
import { type EngineConnection, lockOwner } from '../../lib/engine/engine.ts'
import { isFileError } from './files/file-system.ts'
import type { Layout } from './files/layout.ts'

/** Locks of this process: the system's lock keeps out only other processes. */
const heldHere = new Set<string>()
let locks = 0

/** The right to write into a directory. */
export interface RunLock {
  /** @throws MixloadError DESTINATION_FAILED if the directory was deleted or moved meanwhile. */
  assertHeld(): Promise<void>
  release(): Promise<void>
}

/**
 * Takes the run lock: the system's lock on an empty database file. The system releases it however
 * the process ends, so no lock is ever left.
 * @throws MixloadError DESTINATION_BUSY naming the owner.
 */
export async function takeRunLock(layout: Layout, connection: EngineConnection, description: string): Promise<RunLock> {
  await makeLockFile(layout, connection)
  const path = await realpath(layout.lock)
  if (heldHere.has(path)) throw busy(description, `process ${process.pid}, which is this one`, undefined)
  heldHere.add(path)
  const catalog = quoteName(`parquet lock ${++locks}`)
  try {
    await connection.run(`ATTACH ${quoteText(path)} AS ${catalog} (TYPE duckdb, READ_WRITE)`)
  } catch (error) {
    heldHere.delete(path)
    const owner = lockOwner(error)
    if (owner === undefined) throw error
    const named = await readFile(layout.lockOwner, 'utf8').catch(() => '')
    throw busy(description, named || owner, error)
  }
  const file = new OpenFile(path)
  const release = async () => {
    await rm(layout.lockOwner, { force: true }).catch(() => {})
    await connection.run(`DETACH ${catalog}`)
    heldHere.delete(path)
  }
  try {
    await replaceFile(layout.lockOwner, `process ${process.pid} on ${hostname()}`, { isDurable: true })
    return { assertHeld: () => file.assertThere(), release }
  } catch (error) {
    await release()
    throw error
  }
}

/** Creates a temporary file first, so that a run that is killed here leaves no incomplete one. */
async function makeLockFile({ lock }: Layout, connection: EngineConnection): Promise<void> {
  // The file is not opened, because closing it again would release this process's own lock.
  if (existsSync(lock)) return
  const temporary = `${lock}.${process.pid}.new`
  const catalog = quoteName(`parquet lock ${++locks}`)
  try {
    await connection.run(`ATTACH ${quoteText(temporary)} AS ${catalog} (TYPE duckdb)`)
    await connection.run(`DETACH ${catalog}`)
    // Unlike a rename, this does not replace another run's file.
    await link(temporary, lock)
      .catch(() => copyFile(temporary, lock, constants.COPYFILE_EXCL))
      .catch((error: unknown) => {
        if (!isFileError(error, 'EEXIST')) throw error
      })
  } finally {
    await rm(temporary, { force: true }).catch(() => {})
  }
}

function busy(description: string, owner: string, cause: unknown): MixloadError {
  return new MixloadError(
    'DESTINATION_BUSY',
    `${description} is held by ${owner}. Wait for it to end, or stop it, and run again.`,
    { cause },
  )
}
