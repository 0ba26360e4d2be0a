import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ENGINE_CAPABILITIES, interruptible, MixloadError, quoteName, quoteText } from 'mixload/destination'

const CAPABILITIES = { atomicReplace: true, atomicLedger: true, readersDuringLoad: true, queries: false }

/** @type {import('mixload/destination').CreateDriver} */
export function createDriver({ url, engine }) {
  const directory = resolve(new URL(url).searchParams.get('directory') ?? 'warehouse')
  return {
    description: `files:${directory}`,
    capabilities: { ...ENGINE_CAPABILITIES, ...CAPABILITIES },
    pathInViews: (table) => quoteName(table),
    async connect() {
      const lock = await takeLock(directory)
      return connectionTo(directory, await engine.connect(), lock)
    },
    async connectToRead() {
      return existsSync(join(directory, 'state.json')) ? connectionTo(directory, await engine.connect()) : undefined
    },
  }
}

/** @returns {Promise<import('mixload/destination').DestinationConnection>} */
async function connectionTo(directory, engine, lock) {
  const inside = (name) => join(directory, name)
  let state = await readState(inside('state.json'))
  if (lock !== undefined) await removeUnused(directory, state)

  /** The commit: a new state takes the name of the old one, all at once. */
  async function commit(change) {
    const next = structuredClone(state)
    change((table) => (next.tables[table] ??= { columns: [], files: [] }), next)
    await writeFile(inside('state.new'), JSON.stringify(next), { flush: true })
    await rename(inside('state.new'), inside('state.json'))
    state = next
  }

  /** Lets the engine write rows to a file, which is part of a table once the state names it. */
  async function written(rows, columns) {
    if (rows === undefined) return []
    const name = `${randomUUID()}.parquet`
    rows.verify(await engine.run(`COPY (SELECT ${columns} FROM (${rows.query})) TO ${quoteText(inside(name))}`))
    return [name]
  }

  /** The files of a table without the rows that a load replaces. */
  async function kept(files, mode) {
    if (mode.kind === 'append' || files.length === 0) return files
    if (mode.kind === 'replace-table') return []
    const paths = files.map((name) => quoteText(inside(name)))
    const [first, last] = [mode.firstDay, mode.lastDay].map((day) => `DATE ${quoteText(day)}`)
    const isKept = `_day IS NULL OR _day NOT BETWEEN ${first} AND ${last}`
    const query = `FROM read_parquet([${paths}], union_by_name = true) WHERE ${isKept}`
    return written({ query, verify: () => {} }, '*')
  }

  return {
    isLost: false,
    readLedger: async () => state.loads,
    readColumns: async (table) => state.tables[table]?.columns ?? [],
    createColumns: (table, columns) => commit((tableOf) => tableOf(table).columns.push(...columns)),
    write: ({ record, table, mode, rows, rejects }, signal) =>
      interruptible(engine, signal, async () => {
        const [id, stream, moment] = [record.loadId, record.stream, record.loadedAt.toISOString()].map(quoteText)
        const old = await kept(state.tables[table]?.files ?? [], mode)
        const added = await written(rows, `*, TIMESTAMPTZ ${moment} AS _loaded_at, ${id} AS _load_id`)
        const rejected = await written(rejects, `${id} AS load_id, ${stream} AS stream, *`)
        // An abort between two statements stops neither, so check for one before the commit.
        signal.throwIfAborted()
        await commit((tableOf, { tables, loads }) => {
          if (table in tables) tableOf(table).files = [...old, ...added]
          tableOf('_mixload_rejects').files.push(...rejected)
          loads.push(record)
        })
      }),
    async close() {
      engine.close()
      if (lock !== undefined) await rm(lock)
    },
  }
}

async function readState(path) {
  const text = existsSync(path) ? await readFile(path, 'utf8') : '{"tables":{},"loads":[]}'
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

/** Removes files that loads have left that failed or were killed, and files that were replaced. */
async function removeUnused(directory, { tables }) {
  const used = Object.values(tables).flatMap(({ files }) => files)
  for (const name of await readdir(directory))
    if (name.endsWith('.parquet') && !used.includes(name)) await rm(join(directory, name))
}
