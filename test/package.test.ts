import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packagePath } from '../lib/core/package-root.ts'
import { VERSION } from '../lib/core/version.ts'
import { startSimulator } from '../lib/simulator/index.ts'
import { problemsInExports } from './public-api.ts'

const execute = promisify(execFile)

/** The compiler options of a careful user, without `dom`. */
const COMPILER_OPTIONS = {
  target: 'ES2023',
  lib: ['ES2024', 'ESNext.Disposable'],
  types: ['node'],
  module: 'NodeNext',
  strict: true,
  skipLibCheck: false,
  noEmit: true,
}

/** What a user writes with each subpath. */
const CONSUMER = `
import { isFailure, MixloadError } from 'mixload'
import { createClient, type DeliveryNotice, type IngestClient } from 'mixload/client'
import { runDestinationConformance } from 'mixload/conformance'
import { type CreateDriver, type DestinationConnection, ENGINE_CAPABILITIES, quoteName } from 'mixload/destination'
import { type Fault, type Simulator, startSimulator } from 'mixload/simulator'

const notices: DeliveryNotice[] = []
const fault: Fault = { kind: 'rate-limit', retryAfter: 1 }

export async function send(): Promise<number> {
  await using simulator: Simulator = await startSimulator({ plan: { revenue: 404 } })
  simulator.fault(fault)
  const { token } = simulator.credentials
  await using client: IngestClient = createClient({ token, apiUrl: simulator.url, onNotice: (one) => void notices.push(one) })
  await client.track('Signed up', { plan: 'pro' }, { distinctId: 'ann', time: new Date() })
  const { accepted } = await client.flush()
  return accepted
}

export const createDriver: CreateDriver = ({ url, engine }) => {
  const connect = async (): Promise<DestinationConnection> => {
    const connection = await engine.connect()
    return {
      isLost: false,
      readLedger: async () => [],
      readColumns: async () => [],
      async createColumns() {},
      async write({ rows }) {
        rows?.verify((await connection.all(rows.query)).length)
      },
      close: async () => connection.close(),
    }
  }
  return {
    capabilities: {
      ...ENGINE_CAPABILITIES,
      columnsMax: 1000,
      atomicReplace: true,
      atomicLedger: true,
      readersDuringLoad: true,
      queries: false,
    },
    description: url,
    pathInViews: (table) => quoteName(table),
    connect,
    connectToRead: connect,
  }
}

export const wasClosed = (error: unknown) => isFailure(error, 'CLOSED')
export const suite = runDestinationConformance
`

let directory: string
let tarball: {
  readonly filename: string
  readonly version: string
  readonly files: readonly { readonly path: string }[]
}
let exported: Readonly<Record<string, { readonly types: string; readonly default: string } | string>>

const installed = (...parts: readonly string[]) => join(directory, 'node_modules', ...parts)
const run = (program: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env) =>
  execute(program, args, { cwd: directory, env: environment, maxBuffer: 64 * 1024 * 1024 })

/** The subpaths with code, such as `mixload/client`. */
const subpaths = () => Object.keys(exported).filter((path) => !path.endsWith('.json'))

beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'mixload-package-')))
  // The sources are built already. Building again would remove files that other tests are using.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory]
  ;[tarball] = JSON.parse((await execute('npm', args, { cwd: packagePath() })).stdout)
  await writeFile(join(directory, 'package.json'), '{"private":true,"type":"module"}')
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(directory, tarball.filename)])
  // What the user of a subpath has besides mixload.
  await mkdir(installed('@types'), { recursive: true })
  for (const name of ['@types/node', 'vitest']) await symlink(packagePath('node_modules', name), installed(name))
  exported = JSON.parse(await readFile(installed('mixload', 'package.json'), 'utf8')).exports
  // The installation takes a while on a busy machine.
}, 300_000)
afterAll(() => rm(directory, { recursive: true, force: true }))

describe('the package', () => {
  it('has what was built and the SQL texts, and no sources', async () => {
    const files = tarball.files.map(({ path }) => path)
    expect(files).toEqual(
      expect.arrayContaining(['dist/cmd/mixload.js', 'sql/common/export_latest.sql', 'README.md', 'LICENSE']),
    )
    expect(files.filter((path) => /^(test|bench|lib|cmd)\//.test(path))).toEqual([])
    expect(VERSION).toBe(tarball.version)
  })

  it('installs a command whose help loads no database', async () => {
    const mixload = installed('.bin', 'mixload')
    expect((await run(mixload, ['--help'])).stdout).toContain('mixload backfill')
    expect((await run(mixload, ['--version'])).stdout.trim()).toBe(tarball.version)
    const { stderr } = await run(mixload, ['--help'], { ...process.env, NODE_DEBUG: 'esm,module' })
    expect(stderr).not.toMatch(/duckdb/)
    expect(stderr).toMatch(/yargs/)
    const destination = `duckdb:${join(directory, 'none.duckdb')}`
    expect((await run(mixload, ['status', '--destination', destination])).stdout).toContain('nothing loaded yet')
  })
})

describe('the subpaths', () => {
  it('can be imported', async () => {
    for (const path of subpaths()) {
      const specifier = path.replace('.', 'mixload')
      const { stdout } = await run(process.execPath, [
        '--input-type=module',
        '--eval',
        `console.log(Object.keys(await import('${specifier}')).length > 0)`,
      ])
      expect(`${specifier}: ${stdout.trim()}`).toBe(`${specifier}: true`)
    }
  })

  it('have types that need neither skipLibCheck nor the DOM, and are documented and complete', async () => {
    const config = join(directory, 'tsconfig.json')
    await writeFile(join(directory, 'consumer.ts'), CONSUMER)
    await writeFile(config, JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files: ['consumer.ts'] }))
    await run(packagePath('node_modules', '.bin', 'tsc'), ['-p', config]).catch(({ stdout }) => expect(stdout).toBe(''))
    const declarations = subpaths().map((path) => {
      const entry = exported[path]
      return [path, installed('mixload', typeof entry === 'object' ? entry.types : '')]
    })
    expect(problemsInExports(config, Object.fromEntries(declarations))).toEqual([])
  })
})

describe('a bundle of mixload/client', () => {
  it('is one file that sends, without DuckDB and without an HTTP server', async () => {
    const entry = join(directory, 'send.ts')
    const program = `
      import { createClient } from 'mixload/client'
      const client = createClient({ token: 'token', apiUrl: process.argv[2] })
      client.track('Signed up').then(() => client.close()).then(({ accepted }) => console.log(accepted))`
    await writeFile(entry, program)
    const output = await mkdtemp(join(tmpdir(), 'mixload-bundle-'))
    const outfile = join(output, 'send.cjs')
    const { metafile } = await build({
      entryPoints: [entry],
      outfile,
      absWorkingDir: directory,
      bundle: true,
      platform: 'node',
      target: 'node22.15',
      metafile: true,
    })
    const inputs = Object.keys(metafile.inputs)
    expect(inputs.filter((path) => /duckdb|hono|\/zod\/|yargs/.test(path))).toEqual([])
    expect(inputs.some((path) => path.includes('/undici/'))).toBe(true)
    await using simulator = await startSimulator({ token: 'token' })
    const { stdout } = await execute(process.execPath, [outfile, simulator.url], { cwd: tmpdir() })
    expect(stdout).toBe('1\n')
    expect(simulator.eventCount()).toBe(1)
    await rm(output, { recursive: true })
  })
})
