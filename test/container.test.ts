import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packagePath } from '../lib/core/package-root.ts'
import { type Simulator, startSimulator } from '../lib/simulator/index.ts'
import { build, contextOf, instructionsOf, type Stage } from './container-build.ts'

const execute = promisify(execFile)
const FILE = packagePath('Containerfile')
const PACKAGE = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'))
const LOCK: { packages: Record<string, { version: string; dev?: boolean }> } = JSON.parse(
  readFileSync(packagePath('package-lock.json'), 'utf8'),
)

let home: string
let image: Stage
let simulator: Simulator

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mixload-container-'))
  // The sources are built already; building again would take the other tests their files away for a
  // moment.
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', home], { cwd: packagePath(), stdio: 'pipe' })
  copyFileSync(packagePath('package-lock.json'), join(home, 'package-lock.json'))
  writeFileSync(join(home, 'mixload.yaml'), 'a file that has no place in an image')
  const files = contextOf(home, packagePath('.containerignore'))
  image = build(FILE, { directory: home, files }, join(home, 'stages'))
  simulator = await startSimulator({ requestsPerHour: 0, requestsPerSecond: 0 })
}, 300_000)
afterAll(async () => {
  await simulator?.close()
  rmSync(home, { recursive: true, force: true })
})

/** The text of the last such instruction. */
function last(name: string): string {
  return image.instructions.findLast((instruction) => instruction.name === name)?.text ?? ''
}

/** Runs what the image runs, with these arguments instead of its own. */
function run(args: readonly string[] = JSON.parse(last('CMD')), environment: Record<string, string> = {}) {
  const [program = ''] = JSON.parse(last('ENTRYPOINT')) as string[]
  const { PATH = '', MIXLOAD_STATE_DIR = '' } = image.environment
  const [bin = ''] = PATH.split(':')
  return execute(join(image.root, bin, program), args, {
    cwd: join(image.root, image.workdir),
    env: { PATH: process.env.PATH, MIXLOAD_STATE_DIR: join(image.root, MIXLOAD_STATE_DIR), ...environment },
  })
}

describe('the container image', () => {
  it('is built from the package and its lock file alone', () => {
    const sources = instructionsOf(FILE)
      .filter(({ name, flags }) => name === 'COPY' && flags.from === undefined)
      .flatMap(({ text }) => text.split(/\s+/).slice(0, -1))
    expect(sources).toEqual(['mixload-*.tgz', 'package-lock.json'])
    expect(contextOf(home, packagePath('.containerignore')).toSorted()).toEqual([
      `mixload-${PACKAGE.version}.tgz`,
      'package-lock.json',
    ])
  })

  it('has the version of Node that development uses, in both stages', () => {
    const bases = instructionsOf(FILE).flatMap(({ name, text }) => (name === 'FROM' ? [text.split(' ')[0]] : []))
    const major = /\d+/.exec(PACKAGE.devDependencies.node)?.[0]
    expect(bases).toEqual([expect.stringContaining(`/node:${major}-`), bases[0]])
  })

  it('needs no shell: its last stage runs nothing, and its program and arguments are lists', () => {
    expect(image.instructions.filter(({ name }) => name === 'RUN')).toEqual([])
    expect(JSON.parse(last('ENTRYPOINT'))).toEqual(['mixload'])
    expect(JSON.parse(last('CMD'))).toBeInstanceOf(Array)
  })

  it('runs as a user other than root, who owns the data directory', () => {
    const user = last('USER')
    expect(user).not.toMatch(/^(root|0)?(:|$)/)
    expect(last('VOLUME')).toBe(image.workdir)
    const data = image.instructions.find(({ name, text }) => name === 'COPY' && text.endsWith(` ${image.workdir}`))
    expect(data?.flags.chown).toBe(`${user}:${user}`)
    expect(image.environment.MIXLOAD_STATE_DIR?.startsWith(`${image.workdir}/`)).toBe(true)
  })

  it('has exactly the dependencies of the lock file, without those of development', () => {
    const root = join(image.root, 'opt', 'mixload')
    const installed = Object.entries(LOCK.packages).filter(([path]) => path !== '' && existsSync(join(root, path)))
    for (const [path, { version, dev }] of installed) {
      const found = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).version
      expect([path, found, dev]).toEqual([path, version, undefined])
    }
    expect(installed.length).toBeGreaterThan(Object.keys(PACKAGE.dependencies).length)
    expect(existsSync(join(root, 'node_modules', 'vitest'))).toBe(false)
    expect(readdirSync(root).toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'data',
      'dist',
      'docs',
      'node_modules',
      'package.json',
      'sql',
    ])
  })

  it('shows the help if it has no arguments, and its version with --version', async () => {
    expect((await run()).stdout).toContain('mixload backfill')
    expect((await run(['--version'])).stdout.trim()).toBe(PACKAGE.version)
  })

  it('syncs with its own arguments and leaves what it keeps in /data', async () => {
    const yesterday = Date.now() - 86_400_000
    const time = Math.floor(yesterday / 1000)
    await simulator.ingest(
      [0, 1, 2].map((id) => ({ event: 'Seen', properties: { distinct_id: `p${id}`, time, $insert_id: `i${id}` } })),
    )
    const { serviceAccount, projectId } = simulator.credentials
    const environment = {
      MIXPANEL_SERVICE_ACCOUNT: serviceAccount.user,
      MIXPANEL_SERVICE_ACCOUNT_SECRET: serviceAccount.secret,
      MIXPANEL_PROJECT_ID: projectId,
      MIXPANEL_API_URL: simulator.url,
      MIXLOAD_STREAMS: 'export',
    }
    await run(['sync', '--from', new Date(yesterday).toISOString().slice(0, 10)], environment)
    const { stdout } = await run(['status', '--json'], environment)
    expect(JSON.parse(stdout.trim().split('\n')[0] ?? '').rows_loaded).toBe(3)
    expect(readdirSync(join(image.root, 'data'))).toEqual(expect.arrayContaining(['state', 'warehouse.duckdb']))
  })
})
