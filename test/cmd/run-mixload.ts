import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { packagePath } from '../../lib/core/package-root.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'

/** What a run of the command line left. */
export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export const ACCOUNT = { user: 'test.mp-service-account', secret: 'hush-hush' } as const
export const PROJECT = '1000'

/** A simulator, a directory, and the built command line with both: what a user has. */
export class Workplace implements AsyncDisposable {
  readonly simulator: Simulator
  readonly directory: string
  readonly database: string

  private constructor(simulator: Simulator, directory: string) {
    this.simulator = simulator
    this.directory = directory
    this.database = join(directory, 'warehouse.duckdb')
  }

  static async create(options: SimulatorOptions = {}): Promise<Workplace> {
    const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    const simulator = await startSimulator({
      projectId: PROJECT,
      serviceAccount: ACCOUNT,
      requestsPerHour: 0,
      requestsPerSecond: 0,
      ...options,
    })
    return new Workplace(simulator, directory)
  }

  /** By default it loads events only; an undefined `MIXLOAD_STREAMS` loads all streams. */
  environment(more: Readonly<Record<string, string | undefined>> = {}): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      HOME: this.directory,
      MIXPANEL_API_URL: this.simulator.url,
      MIXPANEL_PROJECT_ID: PROJECT,
      MIXPANEL_SERVICE_ACCOUNT: ACCOUNT.user,
      MIXPANEL_SERVICE_ACCOUNT_SECRET: ACCOUNT.secret,
      MIXLOAD_DESTINATION: `duckdb:${this.database}`,
      MIXLOAD_REQUESTS_PER_HOUR: '0',
      MIXLOAD_REQUESTS_PER_SECOND: '0',
      MIXLOAD_QUERY_REQUESTS_PER_HOUR: '0',
      MIXLOAD_STREAMS: 'export',
      MIXLOAD_STATE_DIR: join(this.directory, 'state'),
      MIXLOAD_SPOOL_DIR: join(this.directory, 'spool'),
      ...more,
    }
  }

  /** Starts `mixload ARGS` and leaves it running. */
  start(
    args: readonly string[],
    environment: NodeJS.ProcessEnv = this.environment(),
    standardInput: 'ignore' | 'pipe' = 'ignore',
  ): ChildProcess {
    return spawn(process.execPath, [packagePath('dist', 'cmd', 'mixload.js'), ...args], {
      cwd: this.directory,
      env: environment,
      stdio: [standardInput, 'pipe', 'pipe'],
    })
  }

  /** Runs `mixload ARGS` to its end. */
  async run(args: readonly string[], more: Readonly<Record<string, string | undefined>> = {}): Promise<Ran> {
    return ended(this.start(args, this.environment(more)))
  }

  /** Rows of a query on the database file, with `mixpanel` as the schema in front. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const instance = await DuckDBInstance.create(this.database, { access_mode: 'READ_ONLY' })
    const connection = await instance.connect()
    try {
      await connection.run("SET TimeZone = 'UTC'; SET search_path = 'mixpanel'")
      return (await connection.runAndReadAll(sql)).getRowObjectsJS()
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  }

  /** Runs a statement on the database file. */
  async change(sql: string): Promise<void> {
    const instance = await DuckDBInstance.create(this.database)
    const connection = await instance.connect()
    await connection.run(sql)
    connection.closeSync()
    instance.closeSync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.simulator.close()
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** Waits for a child process and gathers what it printed. */
export function ended(child: ChildProcess): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>()
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (data) => (stdout += data))
  child.stderr?.on('data', (data) => (stderr += data))
  child.on('close', (code) => resolve({ code, stdout, stderr }))
  return promise
}

/** `count` events of a day, evenly over its hours, each with an id of its own. */
export function eventsOf(day: string, count: number, more: Readonly<Record<string, unknown>> = {}): object[] {
  const start = Date.parse(`${day}T00:00:00Z`)
  return Array.from({ length: count }, (_, at) => ({
    event: at % 3 === 0 ? 'Order Completed' : 'Page Viewed',
    properties: {
      time: start + Math.floor((at * 86_400_000) / count),
      distinct_id: `person-${at % 7}`,
      $insert_id: `${day}-${at}`,
      mp_processing_time_ms: start + 90_000_000 + at,
      amount: at / 4,
      ...more,
    },
  }))
}
