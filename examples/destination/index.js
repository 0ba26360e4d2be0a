import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ENGINE_CAPABILITIES, interruptible, MixloadError, quoteName, quoteText } from 'mixload/destination'

const CAPABILITIES = { atomicReplace: true, atomicLedger: true, readersDuringLoad: true, queries: false }

/** @type {import('mixload/destination').CreateDriver} */
export function createDriver({ url, engine }) {
  const directory = resolve(new URL(url).searchParams.get('directory') ?? 'warehouse')
  const isThere = () => existsSync(join(directory, 'state.json'))
  return {
    description: `files:${directory}`,
    capabilities: { ...ENGINE_CAPABILITIES, ...CAPABILITIES },
    pathInViews: (table) => quoteName(table),
    connect: async () => connectionTo(directory, await takeLock(directory), await engine.connect()),
    connectToRead: async () => (isThere() ? connectionTo(directory, undefined, await engine.connect()) : undefined),
  }
}

/** @returns {Promise<import('mixload/destination').DestinationConnection>} */
async function connectionTo(directory, lock, engine) {
  const inside = (name) => join(directory, name)
  let state = await readState(inside('state.json'))

  /** A new state takes the name of the old one, all at once. */
  async function commit(changes) {
    const next = { ...state, ...changes }
    await writeFile(inside('state.new'), JSON.stringify(next), { flush: true })
    await rename(inside('state.new'), inside('state.json'))
    state = next
  }

  /**
   * Lets the engine write rows to a file, which is part of a table once the state names it. What a
   * load that failed has written is overwritten by the next one.
   */
  async function written(part, { query, verify }) {
    const name = `${state.loads.length + 1}-${part}.parquet`
    verify(await engine.run(`COPY (${query}) TO ${quoteText(inside(name))}`))
    return name
  }

  /** The files of a table without the rows that a load replaces. */
  async function kept(files, { kind, firstDay, lastDay }) {
    if (kind === 'append' || files.length === 0) return files
    if (kind === 'replace-table') return []
    const isKept = `_day IS NULL OR _day NOT BETWEEN DATE '${firstDay}' AND DATE '${lastDay}'`
    const paths = files.map((name) => quoteText(inside(name)))
    const query = `FROM read_parquet([${paths}], union_by_name = true) WHERE ${isKept}`
    return [await written('kept', { query, verify() {} })]
  }

  return {
    isLost: false,
    readLedger: async () => state.loads,
    readColumns: async (table) => state.columns[table] ?? [],
    createColumns: (table, columns) =>
      commit({ columns: { ...state.columns, [table]: [...(state.columns[table] ?? []), ...columns] } }),
    write: ({ record, table, mode, rows, rejects }, signal) =>
      interruptible(engine, signal, async () => {
        const files = { _mixload_rejects: [], [table]: [], ...state.files }
        files[table] = await kept(files[table], mode)
        if (rows !== undefined) files[table] = [...files[table], await written('rows', rows)]
        if (rejects !== undefined)
          files._mixload_rejects = [...files._mixload_rejects, await written('rejects', rejects)]
        // An abort between two statements stops neither, so check for one before the commit.
        signal.throwIfAborted()
        await commit({ files, loads: [...state.loads, record] })
      }),
    async close() {
      engine.close()
      if (lock !== undefined) await rm(lock)
    },
  }
}

async function readState(path) {
  const text = existsSync(path) ? await readFile(path, 'utf8') : '{"columns":{},"files":{},"loads":[]}'
  return JSON.parse(text, (key, value) => (key.endsWith('At') ? new Date(value) : value))
}

async function takeLock(directory) {
  const path = join(directory, 'lock')
  await mkdir(directory, { recursive: true })
  await writeFile(path, `process ${process.pid}`, { flag: 'wx' }).catch(async () => {
    const owner = await readFile(path, 'utf8')
    throw new MixloadError('DESTINATION_BUSY', `${owner} has ${path}. If it was killed, remove that file.`)
  })
  return path
}
