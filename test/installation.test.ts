import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packagePath } from '../lib/core/package-root.ts'

interface LockEntry {
  readonly version?: string
  readonly dev?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const PACKAGE = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'))
const DEPENDENCIES: Readonly<Record<string, string>> = PACKAGE.dependencies
const LOCK: Readonly<Record<string, LockEntry>> = JSON.parse(
  readFileSync(packagePath('package-lock.json'), 'utf8'),
).packages
/** The oldest version of Node that the package supports. */
const OLDEST_NODE = `${PACKAGE.engines.node.replace('>=', '')}.0`

/** Runs a program to its end, and fails with what it printed. */
function run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: packagePath(),
    encoding: 'utf8',
    env: environment,
  })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}

describe('the dependencies', () => {
  it('are exact versions, and those of the lock file', () => {
    for (const [name, version] of Object.entries(DEPENDENCIES)) {
      expect([name, version]).toEqual([name, LOCK[`node_modules/${name}`]?.version])
    }
  })

  it('are in the lock file for every platform', () => {
    const missing = Object.entries(LOCK).flatMap(([path, entry]) =>
      entry.dev === true || path === ''
        ? []
        : Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })
            .filter((name) => LOCK[`${path}/node_modules/${name}`] === undefined)
            .filter((name) => LOCK[`node_modules/${name}`] === undefined),
    )
    expect(missing).toEqual([])
    const bindings = LOCK['node_modules/@duckdb/node-bindings']?.optionalDependencies ?? {}
    expect(Object.keys(bindings)).toEqual(expect.arrayContaining(['@duckdb/node-bindings-darwin-arm64']))
  })
})

describe('an installation from the tarball', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mixload-package-'))
  const mixload = join(directory, 'bin', 'mixload')
  /** Has the oldest Node before all others. */
  const oldest = {
    ...process.env,
    NODE_OPTIONS: '',
    PATH: `${join(directory, 'node', 'node_modules', 'node', 'bin')}:${process.env.PATH}`,
  }
  let files: readonly string[]

  beforeAll(() => {
    // The sources are built already; building again would take the other tests their files away for
    // a moment.
    const [report] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory]))
    files = report.files.map(({ path }: { path: string }) => path)
    const quiet = ['--prefer-offline', '--no-audit', '--no-fund']
    run('npm', ['install', '--prefix', join(directory, 'node'), ...quiet, `node@${OLDEST_NODE}`])
    // With that Node and engine-strict, npm refuses a dependency that requires a newer one.
    const tarball = join(directory, report.filename)
    run('npm', ['install', '--global', '--engine-strict', '--prefix', directory, ...quiet, tarball], oldest)
  }, 300_000)
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it('has the program and the documentation, and neither sources nor tests', () => {
    expect(files).toEqual(
      expect.arrayContaining(['dist/cmd/mixload.js', 'sql/common/export_latest.sql', 'README.md', 'LICENSE']),
    )
    expect(files.filter((path) => /^(test|bench|lib|lint|cmd)\//.test(path))).toEqual([])
  })

  it('has the tested versions of the direct dependencies, and no test runner', () => {
    const modules = join(directory, 'lib', 'node_modules', 'mixload', 'node_modules')
    const versions = Object.keys(DEPENDENCIES).map((name) => {
      return [name, JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')).version]
    })
    expect(Object.fromEntries(versions)).toEqual(DEPENDENCIES)
    expect(() => readFileSync(join(modules, 'vitest', 'package.json'))).toThrow('ENOENT')
  })

  it('has a command whose help loads no database', () => {
    expect(run(mixload, ['--help'])).toContain('mixload backfill')
    expect(run(mixload, ['--version']).trim()).toBe(PACKAGE.version)
    const loaded = spawnSync(mixload, ['--help'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_DEBUG: 'esm,module' },
    })
    expect(loaded.stderr).not.toMatch(/duckdb/)
    expect(loaded.stderr).toMatch(/yargs/)
    expect(run(mixload, ['status', '--destination', `duckdb:${join(directory, 'none.duckdb')}`])).toContain(
      'nothing loaded yet',
    )
  })

  it('runs on the oldest Node that the package supports', () => {
    expect(run('node', ['--version'], oldest).trim()).toBe(`v${OLDEST_NODE}`)
    expect(run(mixload, ['--version'], oldest).trim()).toBe(PACKAGE.version)
    const events = join(directory, 'events.ndjson')
    run('bash', ['-c', `echo '{"event":"Seen","properties":{"time":1700000000,"distinct_id":"a"}}' > '${events}'`])
    const destination = ['--destination', `duckdb:${join(directory, 'oldest.duckdb')}`]
    run(mixload, ['load', events, '--timezone', 'UTC', '--spool-dir', directory, ...destination], oldest)
    expect(run(mixload, ['status', '--json', ...destination], oldest)).toContain('"rows_loaded":1')
  })
})
