import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWarehouse } from '../../destinations/index.ts'
import { MemoryDriver } from '../../destinations/memory/driver.ts'
import { createDriver } from '../../destinations/third-party/index.ts'
import { isFailure } from '../../lib/core/errors.ts'
import { secretsOfUrl } from '../../lib/core/secrets.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { expectFailure, failureOf } from '../conformance/failures.ts'
import { load, relationOf, unaborted } from '../conformance/rows.ts'
import { newEngine } from './engine.ts'
import { installMixload } from './install-mixload.ts'

type Files = Readonly<Record<string, string>>

/** Installs a package for programs that run in a directory. */
async function install(directory: string, name: string, files: Files): Promise<void> {
  const root = join(directory, 'node_modules', name)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
}

const MANIFEST = JSON.stringify({ name: 'x', version: '1.0.0', type: 'module', exports: './index.js' })

describe('a destination from a package', () => {
  let directory: string
  let engine: Engine
  beforeEach(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    engine = await newEngine(directory)
    // What fixture packages make their drivers from.
    Object.assign(globalThis, { mixloadTest: () => new MemoryDriver(engine) })
  })
  afterEach(async () => {
    await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const optionsOf = (url: string) => ({ url, schema: 'mixpanel', engine, workDirectory: directory, warn: () => {} })
  const made = (url: string) => createDriver(optionsOf(url), directory)
  const warehouse = async (url: string) => new Warehouse(await made(url), { engine })
  /** A driver whose description says how it was made. */
  const saying = (what: string) => `Object.assign(globalThis.mixloadTest(), { description: ${what} })`

  it('is shown without what follows its name, also where the package or its server repeats it', async () => {
    const code = `export const createDriver = ({ url }) => Object.assign(${saying('url')}, {
      connect() { throw new Error('I got ' + encodeURIComponent(url.split('?')[1]) + ' and ' + url) },
    })`
    await install(directory, 'echo', { 'package.json': MANIFEST, 'index.js': code })
    const url = 'npm-package:echo?place=here&api_key=hush-hush'
    await using echo = new Warehouse(await made(url), { engine, secrets: secretsOfUrl(url) })
    expect(echo.description).toBe('npm-package:echo?***')
    const failure = await expectFailure(echo.open(unaborted()), 'DESTINATION_FAILED')
    expect(failure.message).toBe('Cannot open npm-package:echo?***: I got *** and npm-package:echo?***')
    expect(failure.cause).toBeUndefined()
  })

  it.each<readonly [what: string, name: string, files: Files]>([
    [
      'an ES module',
      'plain',
      { 'package.json': MANIFEST, 'index.js': `export const createDriver = () => ${saying("'made'")}` },
    ],
    [
      'a CommonJS module',
      'common',
      { 'package.json': '{"main":"./lib.js"}', 'lib.js': `exports.createDriver = () => ${saying("'made'")}` },
    ],
    [
      'a CommonJS module that exports an object',
      'object',
      { 'index.js': `const all = { createDriver: () => ${saying("'made'")} }; module.exports = all` },
    ],
    [
      'a package with a scope',
      '@me/lake',
      {
        'package.json': MANIFEST,
        'index.js': `export async function createDriver() { return ${saying("'made'")} }`,
      },
    ],
    [
      'a path of a package',
      '@me/lake/deep/mixload',
      {
        '../../package.json':
          '{"type":"module","exports":{"./deep/mixload":{"import":{"types":"./x.d.ts","default":"./m.js"}}}}',
        '../../m.js': `export const createDriver = () => ${saying("'made'")}`,
      },
    ],
    [
      'a package that can only be imported',
      'modern',
      {
        'package.json': '{"type":"module","exports":{"import":"./m.js"}}',
        'm.js': `export const createDriver = () => ${saying("'made'")}`,
      },
    ],
    [
      'a package for both kinds',
      'both',
      {
        'package.json': '{"exports":{".":{"import":"./m.mjs","require":"./m.cjs"}}}',
        'm.mjs': `export const createDriver = () => ${saying("'made'")}`,
        'm.cjs': `exports.createDriver = () => ${saying("'made'")}`,
      },
    ],
  ])('can be %s', async (_, name, files) => {
    await install(directory, name, files)
    expect((await made(`npm-package:${name}`)).description).toBe('made')
  })

  it('gets everything that mixload’s own destinations get, with its whole URL', async () => {
    await install(directory, 'asking', {
      'package.json': MANIFEST,
      'index.js': `export const createDriver = (options) => ${saying('Object.keys(options).sort() + options.url')}`,
    })
    const { description } = await made('npm-package:asking?to=there&password=x')
    expect(description).toBe('engine,schema,url,warn,workDirectorynpm-package:asking?to=there&password=x')
  })

  it('is looked for from the working directory first, and then next to mixload', async () => {
    await install(directory, 'zod', {
      'package.json': MANIFEST,
      'index.js': `export const createDriver = () => ${saying("'made here'")}`,
    })
    expect((await made('npm-package:zod')).description).toBe('made here')
    const elsewhere = join(directory, 'elsewhere')
    const failure = await expectFailure(createDriver(optionsOf('npm-package:yaml'), elsewhere), 'CONFIG_INVALID')
    expect(failure.message).toContain('exports no function createDriver')
  })

  it('loads and works like one of mixload’s own', async () => {
    await install(directory, 'plain', {
      'package.json': MANIFEST,
      'index.js': 'export const createDriver = () => globalThis.mixloadTest()',
    })
    await using destination = await warehouse('npm-package:plain')
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
      const through = createWarehouse(optionsOf('npm-package:nobody-has-this'))
      expect((await expectFailure(through, 'CONFIG_INVALID')).message).toContain(`in ${process.cwd()}`)
    })

    it('when its file is missing', async () => {
      const files = { 'package.json': '{"name":"unbuilt","main":"./dist/index.js"}' }
      expect(await refused('unbuilt', files)).toMatch(/unbuilt is installed in .*no file to load/)
    })

    it('when it exports no createDriver', async () => {
      const files = { 'package.json': MANIFEST, 'index.js': 'export const createDrivers = () => {}' }
      expect(await refused('other', files)).toContain('exports no function createDriver')
    })

    it.each([
      ['when it is loaded', 'throw new Error("no driver")'],
      ['when it is asked', 'export const createDriver = () => { throw new Error("no driver") }'],
      ['when it is asked, later', 'export const createDriver = async () => { throw new Error("no driver") }'],
    ])('when it throws %s', async (_, code) => {
      expect(await refused('throwing', { 'package.json': MANIFEST, 'index.js': code })).toMatch(/throwing .*no driver/)
    })

    it('when it is not a driver, with the names of what it lacks', async () => {
      const code = (given: string) => ({
        'package.json': MANIFEST,
        'index.js': `export const createDriver = () => (${given})`,
      })
      expect(await refused('nothing', code('undefined'))).toContain('not an object')
      const message = await refused('half', code("{ capabilities: { dialect: 'x' }, connect() {}, description: 'x' }"))
      for (const name of ['capabilities.columnsMax', 'connectToRead()', 'pathInViews()'])
        expect(message).toContain(name)
      for (const name of ['capabilities.dialect', 'connect()', 'description'])
        expect(message).not.toContain(` ${name},`)
    })
  })

  describe('has failures that are MixloadErrors', () => {
    const failing = async (code: string) => {
      await install(directory, 'failing', {
        'package.json': MANIFEST,
        'index.js': `export const createDriver = () =>
          Object.assign(globalThis.mixloadTest(), { connect: async () => { ${code} } })`,
      })
      await using destination = await warehouse('npm-package:failing')
      return failureOf(destination.open(unaborted()))
    }

    it('if they come from another copy of mixload', async () => {
      await installMixload(directory)
      const failure = await failing(`const { MixloadError } = await import('mixload')
        throw new MixloadError('DESTINATION_UNAVAILABLE', 'gone', { cause: new Error('why'), retryAfterMs: 5 })`)
      expect(isFailure(failure, 'DESTINATION_UNAVAILABLE')).toBe(true)
      expect(failure).toMatchObject({ message: 'gone', retryAfterMs: 5, retry: true, cause: new Error('why') })
    })

    it('if they are anything else', async () => {
      const failure = await failing("throw new TypeError('undefined is not a function')")
      expect(failure).toMatchObject({ code: 'DESTINATION_FAILED', cause: expect.any(TypeError) })
      expect(failure.message).toContain('undefined is not a function')
    })
  })
})
