import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDestination } from '../../destinations/index.ts'
import { createMemoryDestination } from '../../destinations/memory/index.ts'
import { fromOptions } from '../../destinations/third-party/index.ts'
import { isFailure } from '../../lib/core/errors.ts'
import { packagePath } from '../../lib/core/package-root.ts'
import { quoteName, quoteText } from '../../lib/core/sql.ts'
import type { KnownColumn } from '../../lib/destination/contract.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { expectFailure, failureOf } from '../conformance/failures.ts'
import type { DestinationHarness, StoredRow } from '../conformance/harness.ts'
import { load, relationOf, unaborted } from '../conformance/rows.ts'
import { runDestinationConformance } from '../conformance/suite.ts'
import { newEngine } from './engine.ts'
import { query } from './parquet-reading.ts'

/** Pages that may have the example. */
const PAGES = ['destinations.md', 'writing-a-destination.md'].map((name) => packagePath('docs', name))

/** The code of the documented example, as it stands there. */
function documented(file: string): string {
  const texts = PAGES.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'))
  const blocks = texts.flatMap((text) => [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block))
  const block = blocks.find((text) => text.startsWith(`// ${file}`))
  if (block === undefined) throw new Error(`no page has the code of ${file}`)
  return block
}

type Files = Readonly<Record<string, string>>

/** Installs a package for what runs in a directory. */
async function install(directory: string, name: string, files: Files): Promise<void> {
  const root = join(directory, 'node_modules', name)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
}

/** Mixload itself, as it is built, for packages that ask for it: another copy than the one that the tests run. */
async function installMixload(directory: string): Promise<void> {
  await mkdir(join(directory, 'node_modules'), { recursive: true })
  await symlink(packagePath(), join(directory, 'node_modules', 'mixload'), 'dir')
}

const MANIFEST = JSON.stringify({ name: 'x', version: '1.0.0', type: 'module', exports: './index.js' })

describe('a destination from a package', () => {
  let directory: string
  let engine: Engine
  beforeEach(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    engine = await newEngine(directory)
    // What fixture packages make their destinations from.
    Object.assign(globalThis, { mixloadTest: () => createMemoryDestination({ engine }) })
  })
  afterEach(async () => {
    await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const optionsOf = (url: string) => ({ url, schema: 'mixpanel', engine, workDirectory: directory, warn: () => {} })
  const made = (url: string) => fromOptions(optionsOf(url), directory)
  /** A destination whose description says how it was made. */
  const saying = (what: string) => `Object.assign(globalThis.mixloadTest(), { description: ${what} })`

  it.each<readonly [what: string, name: string, files: Files]>([
    [
      'an ES module',
      'plain',
      { 'package.json': MANIFEST, 'index.js': `export const createDestination = () => ${saying("'made'")}` },
    ],
    [
      'a CommonJS module',
      'common',
      { 'package.json': '{"main":"./lib.js"}', 'lib.js': `exports.createDestination = () => ${saying("'made'")}` },
    ],
    [
      'a CommonJS module that exports an object',
      'object',
      { 'index.js': `const all = { createDestination: () => ${saying("'made'")} }; module.exports = all` },
    ],
    [
      'a package with a scope',
      '@me/lake',
      {
        'package.json': MANIFEST,
        'index.js': `export async function createDestination() { return ${saying("'made'")} }`,
      },
    ],
    [
      'a path of a package',
      '@me/lake/deep/mixload',
      {
        '../../package.json':
          '{"type":"module","exports":{"./deep/mixload":{"import":{"types":"./x.d.ts","default":"./m.js"}}}}',
        '../../m.js': `export const createDestination = () => ${saying("'made'")}`,
      },
    ],
    [
      'a package that can only be imported',
      'modern',
      {
        'package.json': '{"type":"module","exports":{"import":"./m.js"}}',
        'm.js': `export const createDestination = () => ${saying("'made'")}`,
      },
    ],
    [
      'a package for both kinds',
      'both',
      {
        'package.json': '{"exports":{".":{"import":"./m.mjs","require":"./m.cjs"}}}',
        'm.mjs': `export const createDestination = () => ${saying("'made'")}`,
        'm.cjs': `exports.createDestination = () => ${saying("'made'")}`,
      },
    ],
  ])('can be %s', async (_, name, files) => {
    await install(directory, name, files)
    await using destination = await made(`npm-package:${name}`)
    expect(destination.description).toBe('made')
  })

  it('gets all that any destination is made from, with its whole URL', async () => {
    await install(directory, 'asking', {
      'package.json': MANIFEST,
      'index.js': `export const createDestination = (options) => ${saying('Object.keys(options).sort() + options.url')}`,
    })
    await using destination = await made('npm-package:asking?to=there&password=x')
    expect(destination.description).toBe('engine,schema,url,warn,workDirectorynpm-package:asking?to=there&password=x')
  })

  it('is found for the working directory before it is found beside mixload', async () => {
    await install(directory, 'zod', {
      'package.json': MANIFEST,
      'index.js': `export const createDestination = () => ${saying("'made here'")}`,
    })
    expect((await made('npm-package:zod')).description).toBe('made here')
    const elsewhere = join(directory, 'elsewhere')
    const failure = await expectFailure(fromOptions(optionsOf('npm-package:yaml'), elsewhere), 'CONFIG_INVALID')
    expect(failure.message).toContain('exports no function createDestination')
  })

  it('loads and works like one of mixload’s own', async () => {
    await install(directory, 'plain', {
      'package.json': MANIFEST,
      'index.js': 'export const createDestination = () => globalThis.mixloadTest()',
    })
    await using destination = await made('npm-package:plain')
    await destination.open(unaborted())
    const loaded = await load(destination, 'load-1', relationOf([], []))
    expect(await destination.ledger('things')).toEqual([loaded])
  })

  describe('is refused', () => {
    const refused = async (name: string, files?: Files) => {
      if (files !== undefined) await install(directory, name, files)
      const failure = await expectFailure(made(`npm-package:${name}?password=hush-hush`), 'CONFIG_INVALID')
      expect(failure.message).not.toContain('hush-hush')
      return failure.message
    }

    it('without a name', async () => {
      expect(await refused('')).toContain('npm-package:NAME')
    })

    it('when it is not installed, with what to type and where', async () => {
      expect(await refused('@nobody/has-this/deep')).toContain(`npm install @nobody/has-this in ${directory}`)
      const through = createDestination(optionsOf('npm-package:nobody-has-this'))
      expect((await expectFailure(through, 'CONFIG_INVALID')).message).toContain(`in ${process.cwd()}`)
    })

    it('when its file is missing', async () => {
      const files = { 'package.json': '{"name":"unbuilt","main":"./dist/index.js"}' }
      expect(await refused('unbuilt', files)).toMatch(/unbuilt is installed in .*no file to load/)
    })

    it('when it exports no createDestination', async () => {
      const files = { 'package.json': MANIFEST, 'index.js': 'export const createDestinations = () => {}' }
      expect(await refused('other', files)).toContain('exports no function createDestination')
    })

    it.each([
      ['when it is loaded', 'throw new Error("no driver")'],
      ['when it is asked', 'export const createDestination = () => { throw new Error("no driver") }'],
      ['when it is asked, later', 'export const createDestination = async () => { throw new Error("no driver") }'],
    ])('when it throws %s', async (_, code) => {
      expect(await refused('throwing', { 'package.json': MANIFEST, 'index.js': code })).toMatch(/throwing .*no driver/)
    })

    it('when it is no destination, with the names of what it lacks', async () => {
      const code = (given: string) => ({
        'package.json': MANIFEST,
        'index.js': `export const createDestination = () => (${given})`,
      })
      expect(await refused('nothing', code('undefined'))).toContain('no object')
      const message = await refused(
        'half',
        code("{ supports: { dialect: 'x' }, open() {}, load() {}, description: 'x' }"),
      )
      for (const name of ['supports.columnsMax', 'openToRead()', 'putViews()', 'Symbol.asyncDispose'])
        expect(message).toContain(name)
      for (const name of ['supports.dialect', 'open()', 'load()', 'description'])
        expect(message).not.toContain(` ${name},`)
    })
  })

  describe('has failures that are MixloadErrors', () => {
    const failing = async (code: string) => {
      await install(directory, 'failing', {
        'package.json': MANIFEST,
        'index.js': `export const createDestination = () => ({ ...globalThis.mixloadTest(), ledger: async () => { ${code} } })`,
      })
      await using destination = await made('npm-package:failing')
      return failureOf(destination.ledger('things'))
    }

    it('when they are of another copy of mixload', async () => {
      await installMixload(directory)
      const failure = await failing(`const { MixloadError } = await import('mixload')
        throw new MixloadError('DESTINATION_UNAVAILABLE', 'gone', { cause: new Error('why'), retryAfterMs: 5 })`)
      expect(isFailure(failure, 'DESTINATION_UNAVAILABLE')).toBe(true)
      expect(failure).toMatchObject({ message: 'gone', retryAfterMs: 5, retry: true, cause: new Error('why') })
    })

    it('when they are whatever else', async () => {
      const failure = await failing("throw new TypeError('undefined is not a function')")
      expect(failure).toMatchObject({ code: 'DESTINATION_FAILED', cause: expect.any(TypeError) })
      expect(failure.message).toContain('undefined is not a function')
    })
  })
})

const ENGINE_TYPES = {
  text: 'VARCHAR',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  json: 'JSON',
  timestamptz: 'TIMESTAMPTZ',
  bigint: 'BIGINT',
  date: 'DATE',
}

interface ExampleState {
  readonly tables: Readonly<
    Record<string, { readonly columns: readonly KnownColumn[]; readonly files: readonly string[] }>
  >
  readonly loads: readonly Readonly<Record<string, unknown>>[]
}

/** The rows of a table of the example, by its state and plain DuckDB. */
async function readExample(directory: string, table: string): Promise<readonly StoredRow[]> {
  const text = await readFile(join(directory, 'state.json'), 'utf8').catch(() => '{"tables":{},"loads":[]}')
  const { tables, loads } = JSON.parse(text) as ExampleState
  if (table === '_mixload_loads') return loads.map(({ loadId }) => ({ load_id: String(loadId) }))
  const { columns = [], files = [] } = tables[table] ?? {}
  if (files.length === 0) return []
  const paths = files.map((name) => quoteText(join(directory, name))).join(', ')
  const empty = columns.map(({ name, type }) => `CAST(NULL AS ${ENGINE_TYPES[type]}) AS ${quoteName(name)}`).join(', ')
  const rows = `SELECT * FROM read_parquet([${paths}], union_by_name = true)`
  return query(directory, columns.length === 0 ? rows : `SELECT ${empty} WHERE false UNION ALL BY NAME ${rows}`)
}

/** The documented example, installed as a package. */
const EXAMPLE: DestinationHarness = {
  name: 'of the documentation’s example',
  queriesViews: false,
  async create() {
    const parent = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    const directory = join(parent, 'warehouse')
    await installMixload(parent)
    await install(parent, 'mixload-files', { 'package.json': MANIFEST, 'index.js': documented('index.js') })
    const newRun = async () => {
      const engine = await newEngine(parent)
      const url = `npm-package:mixload-files?directory=${encodeURIComponent(directory)}`
      const options = { url, schema: 'mixpanel', engine, workDirectory: parent, warn: () => {} }
      const destination = await fromOptions(options, parent)
      const close = async () => {
        await destination[Symbol.asyncDispose]()
        await engine[Symbol.asyncDispose]()
      }
      return { engine, destination, close }
    }
    let run = await newRun()
    return {
      destination: run.destination,
      engine: run.engine,
      async reopen() {
        await run.close()
        run = await newRun()
        return run.destination
      },
      readRows: (table) => readExample(directory, table),
      readFromOutside: (table) => readExample(directory, table),
      isUntouched: async () => !existsSync(directory),
      async startRival() {
        const rival = await newRun()
        await rival.destination.open(unaborted())
        return { name: `process ${process.pid}`, end: rival.close }
      },
      async close() {
        await run.close()
        await rm(parent, { recursive: true, force: true })
      },
    }
  },
}

runDestinationConformance(EXAMPLE)
