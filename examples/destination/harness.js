import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Engine, quoteText } from 'mixload/destination'

/**
 * What the conformance suite needs to test this destination.
 * @param {import('mixload/destination').CreateDriver} createDriver
 * @returns {import('mixload/conformance').DestinationHarness}
 */
export function harnessOf(createDriver) {
  return {
    name: 'files',
    // It has no views.
    queriesViews: false,
    async create() {
      const parent = await mkdtemp(join(tmpdir(), 'files-'))
      const directory = join(parent, 'warehouse')
      const url = `npm-package:mixload-files?directory=${encodeURIComponent(directory)}`
      const engines = []
      const newRun = async () => {
        const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(parent, 'engine') })
        engines.push(engine)
        return { engine, driver: await createDriver({ url, engine }) }
      }
      const readRows = (table) => readTable(directory, table, engines.at(-1))
      return {
        ...(await newRun()),
        reopen: newRun,
        readRows,
        readFromOutside: readRows,
        isUntouched: async () => !existsSync(directory),
        async startRival() {
          const { driver } = await newRun()
          const connection = await driver.connect(new AbortController().signal)
          return { name: `process ${process.pid}`, end: () => connection.close() }
        },
        async close() {
          for (const engine of engines) await engine[Symbol.asyncDispose]()
          await rm(parent, { recursive: true, force: true })
        },
      }
    },
  }
}

/** The rows of a table as the suite compares them, read by other means than the driver. */
async function readTable(directory, table, engine) {
  const text = await readFile(join(directory, 'state.json'), 'utf8').catch(() => '{"columns":{},"files":{},"loads":[]}')
  const state = JSON.parse(text)
  if (table === '_mixload_loads') return state.loads.map(({ loadId }) => ({ load_id: loadId }))
  const { [table]: columns = [] } = state.columns
  const { [table]: files = [] } = state.files
  if (files.length === 0) return []
  const connection = await engine.connect()
  try {
    const paths = files.map((name) => quoteText(join(directory, name)))
    const rows = await connection.all(`FROM read_parquet([${paths}], union_by_name = true)`)
    const days = columns.filter(({ type }) => type === 'date').map(({ name }) => name)
    const comparable = (name, value) =>
      value instanceof Date ? value.toISOString().slice(0, days.includes(name) ? 10 : undefined) : value
    const empty = Object.fromEntries(columns.map(({ name }) => [name, null]))
    return rows.map((row) => ({
      ...empty,
      ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, comparable(name, value)])),
    }))
  } finally {
    connection.close()
  }
}
